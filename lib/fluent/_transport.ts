import { type Clock, type Logger, messageOf, retry, type RetryPolicy } from "../base/mod.ts";
import type { z } from "zod";
import { type Answer, exchange, type StartTimer, TimedOut } from "./_exchange.ts";
import {
  badAnswer,
  circuitOpen,
  isHtml,
  notJson,
  refused,
  type RequestFacts,
  timedOut,
  unreachable,
} from "./_failures.ts";
import type { Redactor } from "./_redactor.ts";
import type { CircuitBreaker } from "./circuit_breaker.ts";
import { FluentApiError } from "./fluent_api_error.ts";
import type { RetryBudget } from "./retry_budget.ts";
import type { CallOptions } from "./types.ts";

/** The right to send, and which renewal of the credentials it comes from. */
export interface Pass {
  readonly headers: Readonly<Record<string, string>>;
  readonly generation: number;
}

/** How authorised requests leave: with a token of our own, or through the platform's connection. */
export interface Channel {
  /** `host:port`, or the name of the platform's connection. */
  readonly target: string;
  /** What to do about a 401 that a fresh token did not cure. */
  readonly credentialsHint: string;
  authorise(signal?: AbortSignal): Promise<Pass>;
  /** Gets fresh credentials unless `pass` is already outdated; false when there is no way to. */
  renew(pass: Pass, signal?: AbortSignal): Promise<boolean>;
  /** With `once`, nothing on the way may send it a second time by itself. */
  fetch(path: string, init: RequestInit & { readonly body?: string }, once: boolean): Promise<Response>;
}

/** What a transport is handed. */
export interface TransportParts {
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly redactor: Redactor;
  readonly policy: RetryPolicy;
  readonly breaker: CircuitBreaker;
  /** Of calls that bring none of their own. */
  readonly retryBudget: RetryBudget;
  /** A `Retry-After` beyond this is the caller's to wait for. */
  readonly maxRetryAfterMs: number;
  readonly timeoutMs: number;
  readonly startTimer: StartTimer;
}

/** One request: what it is for, where it goes, and the shape of a good answer. */
export interface RequestSpec<T> {
  readonly doing: string;
  readonly method: "GET" | "POST";
  readonly path: string;
  /** JSON, already written. */
  readonly body?: string | undefined;
  /** Whether repeating it changes nothing at Fluent. */
  readonly repeatable: boolean;
  readonly schema: z.ZodType<T>;
  /** What the answer should be, said after "expected ". */
  readonly expected: string;
  readonly options: CallOptions;
}

/** Runs a request: authorises, limits in time, repeats where that is safe, and turns every failure into its error. */
export class Transport {
  readonly #channel: Channel;
  readonly #parts: TransportParts;

  constructor(channel: Channel, parts: TransportParts) {
    this.#channel = channel;
    this.#parts = parts;
  }

  get channel(): Channel {
    return this.#channel;
  }

  get logger(): Logger {
    return this.#parts.logger;
  }

  get redactor(): Redactor {
    return this.#parts.redactor;
  }

  /** Fails when the credentials give no access. */
  async authorise(signal?: AbortSignal): Promise<void> {
    await this.#channel.authorise(signal);
  }

  /** The checked answer of a request. */
  async request<T>(spec: RequestSpec<T>): Promise<T> {
    const facts = this.factsOf(spec);
    const answer = await this.send(spec);
    const { redactor } = this.#parts;
    let body: unknown;
    try {
      body = JSON.parse(answer.text);
    } catch {
      throw notJson(facts, answer, redactor);
    }
    const read = spec.schema.safeParse(body);
    if (read.success) return read.data;
    const issue = read.error.issues[0];
    const place = issue?.path.map(String).join(".") ?? "";
    const found = place === ""
      ? "JSON of another shape"
      : redactor.clean(`JSON whose '${place}' ${issue?.message}`, 160);
    throw badAnswer(facts, answer, spec.expected, found, redactor);
  }

  /** What the errors of this request say of it. */
  factsOf(spec: Omit<RequestSpec<unknown>, "schema" | "expected">): RequestFacts {
    const { doing, method, path, repeatable } = spec;
    const { target, credentialsHint } = this.#channel;
    return { doing, method, path, repeatable, target, credentialsHint };
  }

  /** The 2xx answer of a request, unread. */
  send(spec: Omit<RequestSpec<unknown>, "schema" | "expected">): Promise<Answer> {
    const facts = this.factsOf(spec);
    const { signal } = spec.options;
    let mayRenew = true;
    return repeat(facts, this.#parts, spec.options, async (attempt) => {
      let pass = await this.#channel.authorise(signal);
      let answer = await this.#once(facts, spec.body, pass, attempt, signal);
      if (answer.status === 401 && mayRenew) {
        mayRenew = false; // once per request: a 401 for ever ends after two
        if (await this.#channel.renew(pass, signal)) {
          pass = await this.#channel.authorise(signal);
          answer = await this.#once(facts, spec.body, pass, attempt, signal);
        }
      }
      return answer;
    });
  }

  #once(
    facts: RequestFacts,
    body: string | undefined,
    pass: Pass,
    attempt: number,
    signal?: AbortSignal,
  ): Promise<Answer> {
    const headers: Record<string, string> = { ...pass.headers, accept: "application/json" };
    if (body !== undefined) headers["content-type"] = "application/json";
    return tryOnce(facts, this.#parts, attempt, signal, (inner) =>
      this.#channel.fetch(facts.path, {
        method: facts.method,
        headers,
        ...(body === undefined ? {} : { body }),
        redirect: "manual", // a redirected POST would arrive as a GET
        signal: inner,
      }, !facts.repeatable));
  }
}

/**
 * One exchange, if the breaker lets it leave, logged; its failure as a FluentApiError. Answers of every status are
 * returned.
 */
export async function tryOnce(
  facts: RequestFacts,
  parts: TransportParts,
  attempt: number,
  signal: AbortSignal | undefined,
  fetchIt: (signal: AbortSignal) => Promise<Response>,
): Promise<Answer> {
  const { clock, logger, redactor, timeoutMs, startTimer, breaker } = parts;
  const { method, path } = facts;
  if (signal?.aborted) throw signal.reason;
  const permit = breaker.ask();
  if (permit.kind === "refused") throw circuitOpen(facts, permit);
  const from = clock.now();
  try {
    const answer = await exchange(fetchIt, { timeoutMs, startTimer, signal });
    logger.debug("Fluent request", {
      method,
      path,
      attempt,
      status: answer.status,
      durationMs: clock.now() - from,
    });
    if (isAlive(answer)) permit.worked();
    else {permit.failed(
        `${method} ${path} answered ${answer.status}${isHtml(answer) ? " with a web page" : ""}`,
      );}
    return answer;
  } catch (thrown) {
    if (signal?.aborted) {
      permit.abandoned();
      throw signal.reason;
    }
    const error = thrown instanceof TimedOut
      ? timedOut(facts, timeoutMs)
      : unreachable(facts, thrown, redactor);
    logger.debug("Fluent request", {
      method,
      path,
      attempt,
      code: error.code,
      durationMs: clock.now() - from,
    });
    permit.failed(
      `${method} ${path} ${
        error.code === "fluent-timeout" ? "had no answer in time" : "lost its connection"
      }`,
    );
    throw error;
  }
}

/** Whether it was the API that answered: not a gateway for it (5xx), nor a page or nothing where JSON belongs. */
function isAlive({ status, text }: Answer): boolean {
  return status < 500 && (status >= 300 || /^\s*[{[]/.test(text));
}

/**
 * Repeats `operation` until its answer is 2xx, where repeating is safe: repeatable requests on 408, 425, 429, 5xx, lost
 * connections and time-outs; the others only when it is certain that nothing happened: 429 and connections that never
 * stood.
 */
export function repeat(
  facts: RequestFacts,
  parts: TransportParts,
  options: CallOptions,
  operation: (attempt: number) => Promise<Answer>,
): Promise<Answer> {
  const { clock, random, logger, redactor, maxRetryAfterMs } = parts;
  const { signal, attempts = parts.policy.attempts, retryBudget = parts.retryBudget } = options;
  const policy = { ...parts.policy, attempts };
  return retry(async (attempt) => {
    const answer = await operation(attempt);
    if (answer.status >= 200 && answer.status < 300) {
      retryBudget.earn();
      return answer;
    }
    throw refused(facts, answer, redactor, clock.now());
  }, {
    policy,
    clock,
    random,
    signal,
    isRetryable(error) {
      // The sign-in inside a request has already used its own attempts.
      if (!(error instanceof FluentApiError) || error.path !== facts.path || error.retry === "never") {
        return false;
      }
      // The breaker's word is for the caller: waiting it out in every call would be what it is there to prevent.
      if (error.code === "fluent-circuit-open") return false;
      const certain = error.code === "fluent-rate-limited" ||
        (error.code === "fluent-unreachable" && error.effect === "none");
      if (!facts.repeatable && !certain) return false;
      const { retryAfterMs = 0 } = error;
      if (retryAfterMs > maxRetryAfterMs) return false;
      if (retryBudget.take()) return { afterMs: retryAfterMs };
      logger.warn("Fluent request failed, and the job's retry budget is used up", {
        method: facts.method,
        path: facts.path,
        code: error.code,
        ...retryBudget.state,
      });
      return false;
    },
    onRetry(error, attempt, delayMs) {
      const { method, path } = facts;
      if (error instanceof FluentApiError) options.onRetry?.(error, delayMs);
      const code = error instanceof FluentApiError ? error.code : "unknown";
      const status = error instanceof FluentApiError ? error.status : undefined;
      logger.warn("Fluent request failed, trying again", {
        method,
        path,
        code,
        status,
        attempt,
        delayMs,
        error: redactor.clean(messageOf(error)),
      });
    },
  });
}
