import type { Context } from "@versori/run";
import type { z } from "zod";
import { ConnectorError, messageOf, refusalOf } from "../lib/base/mod.ts";

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
  const refusal = refusalOf(error.code);
  if (refusal) return problem(refusal.status, error.code, refusal.title, messageOf(error));
  const status = error.retry === "later" ? 503 : 500;
  return problem(
    status,
    error.code,
    status === 503 ? "Try again later" : "Not possible as configured",
    messageOf(error),
  );
}

/** Does a webhook's work; whatever goes wrong becomes an answer, and what nobody foresaw is in the log. */
export async function answering(ctx: Context<unknown>, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (error) {
    const answer = problemOf(error);
    if (answer.status >= 500) {
      const stack = error instanceof Error && !(error instanceof ConnectorError)
        ? { stack: error.stack }
        : {};
      ctx.log.error("request failed", { error: messageOf(error), status: answer.status, ...stack });
    }
    return answer;
  }
}

/** Turns the last task's answer into the HTTP response. */
export function respond(ctx: Context<unknown>): Response {
  const { status, body } = ctx.data as Answer;
  return new Response(JSON.stringify(body), {
    status,
    headers: {
      "content-type": status < 400 ? "application/json" : "application/problem+json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
  });
}

/**
 * What the caller asks for: the parameters of the URL, and the members of a JSON body where the webhook takes one.
 *
 * @throws ConnectorError `request-invalid`
 */
export function readRequest<S extends z.ZodType>(ctx: Context<unknown>, schema: S): z.output<S> {
  const asked: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(ctx.request()?.query ?? {})) {
    if (typeof value !== "string") throw invalid(`${name.slice(0, 60)}: expected it once`);
    asked[name] = value;
  }
  const body = ctx.data;
  if (body !== undefined && body !== null) {
    if (typeof body !== "object" || Array.isArray(body)) throw invalid("body: expected a JSON object");
    Object.assign(asked, body);
  }
  const parsed = schema.safeParse(asked);
  if (parsed.success) return parsed.data;
  throw invalid(
    parsed.error.issues.slice(0, 5).map((issue) =>
      `${issue.path.join(".").slice(0, 60) || "request"}: ${issue.message.slice(0, 200)}`
    ).join("; "),
  );
}

/** A header of the call, if it is there once. */
export function headerOf(ctx: Context<unknown>, name: string): string | undefined {
  const value = ctx.request()?.headers[name];
  return typeof value === "string" ? value : undefined;
}

function invalid(detail: string): ConnectorError {
  return new ConnectorError(detail, { code: "request-invalid", retry: "never" });
}
