import { Buffer } from "node:buffer";
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import type { ConnectionAuth } from "./_config.ts";

/** Kinds of credential that can verify an incoming call. */
export type InboundAuth = Extract<
  ConnectionAuth,
  { type: "apiKey" | "basic" | "hmac" }
>;

/** The part of a call that carries its credential. */
export interface InboundCall {
  readonly headers: IncomingHttpHeaders;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

/** @throws Error when the connection of a webhook holds something that cannot verify calls. */
export function inboundAuthOf(
  webhookId: string,
  system: string,
  auth: ConnectionAuth,
): InboundAuth {
  if (auth.type === "apiKey" || auth.type === "basic" || auth.type === "hmac") {
    return auth;
  }
  throw new Error(
    `The connection '${system}' of the webhook '${webhookId}' holds ${auth.type}, which cannot verify calls: ` +
      "expected apiKey, basic or hmac",
  );
}

/** 401 when the call carries no credential, 403 when it carries a wrong one, `undefined` when it may pass. */
export function refusalOf(
  call: InboundCall,
  auth: InboundAuth,
): 401 | 403 | undefined {
  const given = givenCredential(call, auth);
  if (given === undefined || given === "") return 401;
  return isSame(given, expectedCredential(call, auth)) ? undefined : 403;
}

function givenCredential(
  { headers, query }: InboundCall,
  auth: InboundAuth,
): string | undefined {
  switch (auth.type) {
    case "apiKey":
      if (auth.in === "query") return query.get(auth.name) ?? undefined;
      if (auth.in === "cookie") return cookie(headers.cookie, auth.name);
      return header(headers, auth.name);
    case "basic": {
      const encoded = /^basic +(\S+)\s*$/i.exec(headers.authorization ?? "")
        ?.[1];
      return encoded === undefined ? undefined : Buffer.from(encoded, "base64").toString("utf8");
    }
    case "hmac": {
      // Many senders name the algorithm in front of the signature.
      const value = header(headers, auth.header);
      return value?.startsWith(`${auth.algorithm}=`) ? value.slice(auth.algorithm.length + 1) : value;
    }
  }
}

function expectedCredential({ body }: InboundCall, auth: InboundAuth): string {
  switch (auth.type) {
    case "apiKey":
      return auth.key;
    case "basic":
      return `${auth.username}:${auth.password}`;
    case "hmac":
      return createHmac(auth.algorithm, auth.secret).update(body).digest(
        auth.encoding,
      );
  }
}

/** Compares in a time that does not depend on where the texts differ, nor on their lengths. */
function isSame(left: string, right: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(left), digest(right));
}

function header(
  headers: IncomingHttpHeaders,
  name: string,
): string | undefined {
  const value = headers[name.toLowerCase()];
  return Array.isArray(value) ? value[0] : value;
}

function cookie(text: string | undefined, name: string): string | undefined {
  for (const part of (text ?? "").split(";")) {
    const [key, ...value] = part.trim().split("=");
    if (key !== name) continue;
    try {
      return decodeURIComponent(value.join("="));
    } catch {
      return value.join("="); // not encoded by us: compared as it is
    }
  }
  return undefined;
}
