/** What an endpoint answers; the body is sent as JSON. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ok(body: unknown): Answer {
  return { status: 200, body };
}

/** A refusal. The shape of Fluent's error bodies is not public; `code` and `message` are this server's choice. */
export function refusal(status: number, code: string, message: string): Answer {
  return { status, body: { code, message } };
}
