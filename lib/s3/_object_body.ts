import { retry } from "../base/mod.ts";
import type { ObjectBody, TransferProgress } from "./object_store.ts";
import type { Call, S3Gateway } from "./_gateway.ts";

/** The response body as the SDK hands it over: a node stream. */
export interface BodyStream extends AsyncIterable<Uint8Array> {
  destroy(error?: Error): unknown;
}

/** How to read an object's bytes from `start` to `end` (exclusive). */
export interface BodyPlan {
  readonly gateway: S3Gateway;
  readonly call: Call;
  readonly start: number;
  readonly end: number;
  /** The stream already open at `start`. */
  readonly first: BodyStream | undefined;
  /** Opens the same object again, from a later byte; fails when it is another one by now. */
  readonly reopen: (start: number) => Promise<BodyStream>;
  readonly onProgress?: ((progress: TransferProgress) => void) | undefined;
}

/** A download never breaks more often than this, however much it gets between two breaks. */
const MAX_BREAKS = 50;

/** Yields exactly the promised bytes: resumes where a connection broke, throws where that does not help. */
export class ResumableBody implements ObjectBody {
  readonly #plan: BodyPlan;
  #at: number;
  #breaks = 0;
  #stream: BodyStream | undefined;
  #chunks: AsyncIterator<Uint8Array> | undefined;
  #state: "unread" | "reading" | "closed" = "unread";

  constructor(plan: BodyPlan) {
    this.#plan = plan;
    this.#at = plan.start;
    this.#stream = plan.first;
  }

  [Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    if (this.#state !== "unread") throw new TypeError("the body of an object can be read only once");
    this.#state = "reading";
    return {
      next: async () => {
        const value = await this.#next();
        return value ? { done: false, value } : { done: true, value: undefined };
      },
      return: () => {
        this.cancel();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  cancel(): void {
    this.#state = "closed";
    this.#drop();
  }

  async #next(): Promise<Uint8Array | undefined> {
    if (this.#state === "closed") return undefined;
    const { gateway, call, start, end, onProgress } = this.#plan;
    if (this.#at === end) {
      await this.#finish();
      return undefined;
    }
    try {
      const chunk = await retry(() => this.#attempt(), this.#patience());
      this.#at += chunk.length;
      if (this.#at > end) {
        throw gateway.fail(call, `more bytes came than the ${end - start} promised`, {
          code: "s3-unexpected",
        });
      }
      onProgress?.({ transferredBytes: this.#at - start, totalBytes: end - start });
      return chunk;
    } catch (error) {
      this.cancel();
      throw error;
    }
  }

  #patience() {
    const options = this.#plan.gateway.retryOptions(this.#plan.call);
    return {
      ...options,
      isRetryable: (error: unknown) => ++this.#breaks <= MAX_BREAKS && options.isRetryable(error),
    };
  }

  async #attempt(): Promise<Uint8Array> {
    const { gateway, call, end, reopen } = this.#plan;
    try {
      this.#stream ??= await reopen(this.#at);
      const chunks = this.#chunks ??= this.#stream[Symbol.asyncIterator]();
      for (;;) {
        const next = await this.#inTime(chunks);
        if (next.done) {
          throw gateway.fail(call, `the body ended ${end - this.#at} bytes short of what was promised`, {
            code: "s3-unreachable",
            retry: "later",
          });
        }
        if (next.value.length > 0) return next.value;
      }
    } catch (error) {
      this.#drop();
      throw error;
    }
  }

  #inTime(chunks: AsyncIterator<Uint8Array>): Promise<IteratorResult<Uint8Array>> {
    const { gateway, call } = this.#plan;
    const stream = this.#stream;
    return gateway.inTime(call, gateway.settings.timeoutMs, (late) => {
      late.addEventListener("abort", () => stream?.destroy(new Error("late")), { once: true });
      return chunks.next();
    });
  }

  /** Lets the response end, so that its connection can serve again. All promised bytes are here already. */
  async #finish(): Promise<void> {
    this.#state = "closed";
    const { gateway, call, start, end } = this.#plan;
    try {
      const chunks = this.#chunks ?? this.#stream?.[Symbol.asyncIterator]();
      const next = chunks && await this.#inTime(chunks).catch(() => undefined);
      if (next && !next.done && next.value.length > 0) {
        throw gateway.fail(call, `more bytes came than the ${end - start} promised`, {
          code: "s3-unexpected",
        });
      }
    } finally {
      this.#drop();
    }
  }

  #drop(): void {
    this.#stream?.destroy();
    this.#stream = undefined;
    this.#chunks = undefined;
  }
}
