import type { Buffer } from "node:buffer";
import querystring from "node:querystring";
import type { PlatformOptions } from "./_options.ts";
import type { WebhookOptions } from "./_trigger.ts";

/** What a call's body becomes: `ctx.data`, and the `body` of `ctx.request()`. */
export type ParsedBody =
  | { readonly ok: true; readonly data: unknown; readonly body: unknown }
  | {
    readonly ok: false;
    readonly status: 400 | 415;
    readonly message: string;
  };

/**
 * Parses JSON and forms, as the platform does. XML, which it parses too, is refused with 415; any other type leaves
 * `ctx.data` undefined, as Express does.
 */
export function parseBody(
  raw: Buffer,
  contentType: string | undefined,
  webhook: WebhookOptions,
  options: PlatformOptions,
): ParsedBody {
  if (webhook.request?.rawBody) {
    return {
      ok: true,
      data: undefined,
      body: options.rawBodyForm === "buffer" ? raw : raw.toString("utf8"),
    };
  }
  if (raw.length === 0) return parsed(undefined);
  const type = (contentType ?? "").split(";")[0]!.trim().toLowerCase();
  if (type === "application/json" || type.endsWith("+json")) {
    return parseJson(raw);
  }
  if (type === "application/x-www-form-urlencoded") {
    return parsed({ ...querystring.parse(raw.toString("utf8")) });
  }
  if (
    type === "application/xml" || type === "text/xml" || type.endsWith("+xml")
  ) {
    return {
      ok: false,
      status: 415,
      message: "The local platform does not parse XML; read it with rawBody",
    };
  }
  return parsed(undefined);
}

function parseJson(raw: Buffer): ParsedBody {
  try {
    return parsed(
      JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw)),
    );
  } catch {
    return { ok: false, status: 400, message: "The body is not valid JSON" };
  }
}

function parsed(data: unknown): ParsedBody {
  return { ok: true, data, body: data };
}
