import type { S3Client } from "@aws-sdk/client-s3";
import { type Clock, type Logger, retry, type RetryOptions, type RetryPolicy } from "../base/mod.ts";
import type { S3Settings } from "./s3_config.ts";
import { S3Error, type S3ErrorInit, type S3Operation } from "./s3_error.ts";
import { translate } from "./_translate.ts";
import type { UndiciHandler } from "./_undici_handler.ts";

/** The SDK once it is loaded. */
export interface Sdk {
  readonly client: S3Client;
  readonly s3: typeof import("@aws-sdk/client-s3");
}

/** One request to make: what for, and what bounds it. */
export interface Call extends S3Operation {
  readonly signal?: AbortSignal | undefined;
  /** Size of the request body; it lengthens the time limit. */
  readonly sendBytes?: number | undefined;
  /** The request asks for the bucket, not for an object in it: it is the bucket that a 404 is about. */
  readonly onBucket?: boolean | undefined;
}

/** Slower than this, in bytes per millisecond, an upload counts as stuck. */
const SLOWEST_UPLOAD = 32;
/** Opening a connection takes a few round trips; one that takes longer does not come. */
const CONNECT_LIMIT_MS = 10_000;

/**
 * The only place that talks to the SDK: loads it at the first use, bounds every attempt in time, repeats what is
 * worth repeating, and turns whatever goes wrong into an `S3Error`.
 */
export class S3Gateway {
  readonly settings: S3Settings;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly #random: () => number;
  #sdk: Promise<Sdk & { readonly handler: UndiciHandler }> | undefined;

  constructor(settings: S3Settings, deps: { clock: Clock; random: () => number; logger: Logger }) {
    this.settings = settings;
    this.clock = deps.clock;
    this.logger = deps.logger;
    this.#random = deps.random;
  }

  /** Runs a request, again and again where that may help. `run` is told the attempt, 1-based. */
  async call<T>(
    call: Call,
    run: (sdk: Sdk, options: { abortSignal: AbortSignal }, attempt: number) => Promise<T>,
  ): Promise<T> {
    this.checkKey(call);
    return await retry(
      (attempt) => this.once(call, (sdk, options) => run(sdk, options, attempt)),
      this.retryOptions(call),
    );
  }

  /** Runs a request a single time. */
  async once<T>(
    call: Call,
    run: (sdk: Sdk, options: { abortSignal: AbortSignal }) => Promise<T>,
  ): Promise<T> {
    const { signal, sendBytes = 0 } = call;
    signal?.throwIfAborted();
    const sdk = await this.#load();
    return await this.inTime(call, this.settings.timeoutMs + sendBytes / SLOWEST_UPLOAD, (late) => {
      const abortSignal = signal ? AbortSignal.any([signal, late]) : late;
      return run(sdk, { abortSignal });
    });
  }

  /**
   * Bounds `run` in time and translates its failure. Real time, not the clock's: it is the other side that is
   * waited for.
   */
  async inTime<T>(call: Call, limitMs: number, run: (late: AbortSignal) => Promise<T>): Promise<T> {
    const late = new AbortController();
    const timer = setTimeout(() => late.abort(new Error("late")), limitMs);
    try {
      return await run(late.signal);
    } catch (error) {
      call.signal?.throwIfAborted();
      if (late.signal.aborted) {
        throw this.fail(call, `${this.settings.server} stayed silent for ${limitMs / 1000} s`, {
          code: "s3-unreachable",
          retry: "later",
        });
      }
      throw translate(error, call, this.settings);
    } finally {
      clearTimeout(timer);
    }
  }

  retryOptions(call: Call): RetryOptions {
    const policy: RetryPolicy = { attempts: this.settings.maxAttempts, baseDelayMs: 300, maxDelayMs: 8_000 };
    return {
      policy,
      clock: this.clock,
      random: this.#random,
      signal: call.signal,
      isRetryable: (error) =>
        error instanceof S3Error && error.retry === "later" &&
        (error.retryAfterMs === undefined || { afterMs: error.retryAfterMs }),
      onRetry: (error, attempt, delayMs) => {
        const { operation, key } = call;
        const code = error instanceof S3Error ? error.code : undefined;
        this.logger.warn("S3 request failed, trying again", { operation, key, attempt, delayMs, code });
      },
    };
  }

  fail(
    what: S3Operation,
    reason: string,
    init: Omit<S3ErrorInit, "operation" | "key" | "bucket">,
  ): S3Error {
    return new S3Error(reason, {
      operation: what.operation,
      key: what.key,
      bucket: this.settings.bucket,
      ...init,
    });
  }

  /** Closes idle connections and forgets the client; the next request makes a new one. */
  async dispose(): Promise<void> {
    const sdk = this.#sdk;
    this.#sdk = undefined;
    if (!sdk) return;
    const { client, handler } = await sdk;
    client.destroy();
    await handler.close();
  }

  /** An empty key would address the bucket itself; a lone surrogate cannot be encoded. */
  checkKey(call: S3Operation): void {
    const { operation, key } = call;
    if (!key.isWellFormed()) {
      throw this.fail({ operation, key: key.toWellFormed() }, "the key is not valid Unicode", {
        code: "s3-invalid-argument",
      });
    }
    if (key === "" && operation !== "list" && operation !== "connect to") {
      throw this.fail(call, "the key is empty", { code: "s3-invalid-argument" });
    }
  }

  #load(): Promise<Sdk & { readonly handler: UndiciHandler }> {
    return this.#sdk ??= (async () => {
      const [s3, { UndiciHandler }] = await Promise.all([
        import("@aws-sdk/client-s3"),
        import("./_undici_handler.ts"),
      ]);
      const { settings } = this;
      const handler = new UndiciHandler(Math.min(settings.timeoutMs, CONNECT_LIMIT_MS));
      const client = new s3.S3Client({
        region: settings.region,
        ...(settings.endpoint ? { endpoint: settings.endpoint } : {}),
        forcePathStyle: settings.forcePathStyle,
        credentials: {
          accessKeyId: settings.accessKeyId,
          secretAccessKey: settings.secretAccessKey,
          ...(settings.sessionToken ? { sessionToken: settings.sessionToken } : {}),
        },
        // Plain bodies, no checksum trailers: some S3-compatible servers know neither.
        requestChecksumCalculation: "WHEN_REQUIRED",
        responseChecksumValidation: "WHEN_REQUIRED",
        // Repeating is done above, with the clock and the randomness handed in.
        maxAttempts: 1,
        requestHandler: handler,
      });
      return { client, s3, handler };
    })();
  }
}
