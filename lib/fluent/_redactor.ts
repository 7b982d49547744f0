import { messageOf } from "../base/mod.ts";

/** Tokens come and go; the oldest ones are forgotten first. */
const MAX_SECRETS = 50;

/** Blacks secrets out of words that come from outside: reasons, page beginnings, causes. */
export class Redactor {
  #secrets = new Set<string>();

  /** Makes a value unspeakable, in plain, in URL encoding and in form encoding. */
  add(secret: string | undefined): void {
    if (!secret) return;
    const forms = [
      secret,
      encodeURIComponent(secret),
      new URLSearchParams({ s: secret }).toString().slice(2),
      JSON.stringify(secret).slice(1, -1),
    ];
    for (const form of forms) {
      this.#secrets.delete(form);
      this.#secrets.add(form);
    }
    for (const oldest of this.#secrets) {
      if (this.#secrets.size <= MAX_SECRETS) break;
      this.#secrets.delete(oldest);
    }
  }

  /** The text on one line, without secrets, cut to `max` characters (after the blacking out). */
  clean(text: string, max = 500): string {
    let clean = text;
    for (const secret of [...this.#secrets].sort((a, b) => b.length - a.length)) {
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
