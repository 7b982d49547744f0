import { messageOf } from "../base/mod.ts";

/** Tokens come and go; the oldest ones are forgotten first. */
const MAX_TOKENS = 50;

/** Blacks secrets out of words that come from outside: reasons, page beginnings, causes. */
export class Redactor {
  readonly #kept: string[] = [];
  /** Token → its forms. */
  readonly #tokens = new Map<string, readonly string[]>();

  /** Makes values unspeakable for good, in every form they travel in. */
  keep(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) if (secret) this.#kept.push(...formsOf(secret));
  }

  /** Makes a token unspeakable, until many others have come after it. */
  add(token: string | undefined): void {
    if (!token) return;
    this.#tokens.delete(token);
    this.#tokens.set(token, formsOf(token));
    for (const oldest of this.#tokens.keys()) {
      if (this.#tokens.size <= MAX_TOKENS) break;
      this.#tokens.delete(oldest);
    }
  }

  /** The text on one line, without secrets, cut to `max` characters (after the blacking out). */
  clean(text: string, max = 500): string {
    let clean = text;
    const secrets = [...this.#kept, ...[...this.#tokens.values()].flat()];
    for (const secret of secrets.sort((a, b) => b.length - a.length)) {
      clean = clean.replaceAll(secret, "[redacted]");
    }
    clean = clean
      .replace(/\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{16,}/gi, "$1 [redacted]")
      .replace(
        /((?:access_token|refresh_token|client_secret|password|api[_-]?key)["']?\s*[=:]\s*["']?)[^"'&\s,}]+/gi,
        "$1[redacted]",
      )
      // deno-lint-ignore no-control-regex -- control characters would break the one line a log entry is
      .replace(/[\s\u0000-\u001f\u007f]+/g, " ")
      .trim();
    return clean.length > max ? `${clean.slice(0, max - 1)}…` : clean;
  }

  /** A cause that may travel with an error: the thrown thing itself, or its cleaned message when that had secrets. */
  cause(thrown: unknown): unknown {
    const seen = new Set<unknown>();
    for (let at = thrown; at !== undefined && at !== null && !seen.has(at);) {
      seen.add(at);
      const words = at instanceof Error ? `${at.message}\n${at.stack}` : String(at);
      if (this.#leaks(words)) return new Error(this.clean(messageOf(thrown)));
      at = at instanceof Error ? at.cause : undefined;
    }
    return thrown;
  }

  #leaks(text: string): boolean {
    const flat = text.replace(/\s+/g, " ").trim();
    return this.clean(flat, Infinity) !== flat;
  }
}

/** A secret as it is, in URL encoding, in form encoding, in JSON, and in base64 (as Basic authentication sends it). */
function formsOf(secret: string): string[] {
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(secret)));
  return [
    ...new Set([
      secret,
      encodeURIComponent(secret),
      new URLSearchParams({ s: secret }).toString().slice(2),
      JSON.stringify(secret).slice(1, -1),
      base64,
      base64.replace(/=+$/, ""),
      base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, ""),
    ]),
  ];
}
