import type { Context } from "@versori/run";
import { ConnectorError, messageOf } from "../lib/base/mod.ts";

/** What a webhook's task gives back: a status and a JSON body. */
export interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** A refusal as RFC 9457 problem details. */
export function problem(status: number, code: string, title: string, detail: string): Answer {
  return { status, body: { type: "about:blank", status, code, title, detail } };
}

/** What the caller is told of a failure: what to do about it, never a stack. */
export function problemOf(error: unknown): Answer {
  if (!(error instanceof ConnectorError)) {
    return problem(500, "unexpected", "Unexpected failure", "The request failed; the log says why");
  }
  if (["file-not-found", "job-unknown", "feed-unknown"].includes(error.code)) {
    return problem(404, error.code, "Not found", messageOf(error));
  }
  if (error.code === "job-id-invalid") return problem(400, error.code, "Invalid job id", messageOf(error));
  const status = error.retry === "later" ? 503 : 500;
  return problem(
    status,
    error.code,
    status === 503 ? "Try again later" : "Not possible as configured",
    messageOf(error),
  );
}

/** Turns the last task's answer into the HTTP response. */
export function respond(ctx: Context<unknown>): Response {
  const { status, body } = ctx.data as Answer;
  return new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": status < 400 ? "application/json" : "application/problem+json" },
  });
}
