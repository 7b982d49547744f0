/** What is looked at of a call. Header names are in lower case. */
export interface HttpCall {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly query: Readonly<Record<string, unknown>>;
  /** Text of the body, of a form. */
  readonly body: string;
}

/**
 * Whether a browser says that a form was sent from this very page. Basic authentication is attached by browsers
 * whoever wrote the form, so a call from elsewhere looks signed in too. Callers that are no browser send neither
 * header; they have to present a form's token like everybody else.
 *
 * Source: OWASP, Cross-Site Request Forgery Prevention (Fetch Metadata headers, and Origin where they are missing).
 */
export function isSameOrigin({ headers }: HttpCall): boolean {
  const site = one(headers["sec-fetch-site"]);
  if (site !== undefined) return site === "same-origin";
  const origin = one(headers["origin"]);
  if (origin === undefined) return true;
  const hosts = [one(headers["x-forwarded-host"]), one(headers["host"])];
  try {
    return hosts.includes(new URL(origin).host);
  } catch {
    // "null" and other things that are no address: from elsewhere.
    return false;
  }
}

export function one(header: string | readonly string[] | undefined): string | undefined {
  return typeof header === "string" ? header : header?.[0];
}
