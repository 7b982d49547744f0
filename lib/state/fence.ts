import { z } from "zod";
import { S3Error } from "../s3/s3_error.ts";
import type { ObjectStore } from "../s3/object_store.ts";

const holderSchema = z.object({
  run: z.string(),
  attempt: z.number().int(),
  token: z.string(),
  /** Milliseconds since the epoch. */
  at: z.number(),
});
/** Who took a fencing token, and when. */
export type FenceHolder = z.output<typeof holderSchema>;

/** Gives each fencing token of a name to one owner only. */
export interface Fence {
  /** Takes a token; false when somebody has it. */
  take(name: string, fence: number, holder: FenceHolder, signal?: AbortSignal): Promise<boolean>;
  /** Who has a token; undefined when nobody has. */
  holder(name: string, fence: number, signal?: AbortSignal): Promise<FenceHolder | undefined>;
  /** Whether somebody has taken the token after this one. */
  passed(name: string, fence: number): Promise<boolean>;
  /** Forgets the tokens of a name below this one. */
  forget(name: string, below: number): Promise<void>;
}

/** A fence made of objects that are created only where there is none; for stores that declare `conditionalPut`. */
export class ObjectFence implements Fence {
  readonly #store: ObjectStore;
  readonly #prefix: string;

  /** @param prefix key prefix, ending in `/`, below which the tokens are kept */
  constructor(store: ObjectStore, prefix: string) {
    this.#store = store;
    this.#prefix = prefix;
  }

  async take(name: string, fence: number, holder: FenceHolder, signal?: AbortSignal): Promise<boolean> {
    try {
      await this.#store.uploadFile(this.#key(name, fence), JSON.stringify(holder), {
        ifNoneMatch: true,
        contentType: "application/json",
        ...(signal ? { signal } : {}),
      });
      return true;
    } catch (error) {
      if (!(error instanceof S3Error) || error.code !== "s3-target-exists") throw error;
      // Ours after all, when only the answer to an earlier try was lost.
      return (await this.holder(name, fence, signal))?.token === holder.token;
    }
  }

  async holder(name: string, fence: number, signal?: AbortSignal): Promise<FenceHolder | undefined> {
    const key = this.#key(name, fence);
    const options = signal ? { signal } : {};
    if (!(await this.#store.statFile(key, options))) return undefined;
    const { body } = await this.#store.openFile(key, options);
    const decoder = new TextDecoder();
    let text = "";
    for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
    return holderSchema.parse(JSON.parse(text));
  }

  async passed(name: string, fence: number): Promise<boolean> {
    return await this.#store.statFile(this.#key(name, fence + 1)) !== undefined;
  }

  async forget(name: string, below: number): Promise<void> {
    const prefix = this.#folder(name);
    for await (const { key } of this.#store.listObjects({ prefix })) {
      const fence = Number(/(\d+)\.json$/.exec(key)?.[1]);
      if (fence < below) await this.#store.deleteFile(key);
    }
  }

  #folder(name: string): string {
    return `${this.#prefix}${encodeURIComponent(name)}/`;
  }

  #key(name: string, fence: number): string {
    return `${this.#folder(name)}${String(fence).padStart(8, "0")}.json`;
  }
}
