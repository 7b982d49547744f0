import { z } from "zod";
import { type KVStore, readRecord } from "../state/mod.ts";

/** Batches per record: 250 entries of at most about 200 characters stay below the largest value that is written. */
const WINDOW = 250;

const count = z.number().int().nonnegative();

/**
 * What is known of one batch. `planned`: not accepted as far as we know. `accepted`: Fluent gave it an id. `refused`:
 * Fluent said no, its rows have failed. `settled`: complete, every row counted.
 */
const entrySchema = z.discriminatedUnion("state", [
  z.object({ state: z.literal("planned") }),
  z.object({ state: z.literal("accepted"), job: count, batchId: z.string() }),
  z.object({ state: z.literal("refused"), reason: z.string() }),
  z.object({
    state: z.literal("settled"),
    job: count,
    batchId: z.string(),
    confirmed: count,
    failed: count,
    unconfirmed: count,
  }),
]);
export type BatchEntry = z.output<typeof entrySchema>;

const PLANNED: BatchEntry = { state: "planned" };

/** The stored form of an entry, short because there are many: null, or a tuple led by the state's letter. */
const storedEntry = z.union([
  z.null(),
  z.tuple([z.literal("a"), count, z.string()]),
  z.tuple([z.literal("r"), z.string()]),
  z.tuple([z.literal("s"), count, z.string(), count, count, count]),
]);

const windowSchema = z.object({
  v: z.literal(1),
  /** Batches of this window below this index may have been sent, whatever their entry says. */
  issued: count,
  entries: z.array(storedEntry),
});

interface Window {
  /** What an earlier process left: batches below it that have no answer are in doubt. */
  readonly issuedBefore: number;
  issued: number;
  readonly entries: BatchEntry[];
  /** The write under way and the one waiting behind it. */
  writing: Promise<void> | undefined;
  next: Promise<void> | undefined;
}

/**
 * What deliver and confirm have done, batch by batch, in the key-value store.
 *
 * Changes to one window of batches share writes: while one is under way, all that come in meanwhile go out with the
 * next. Every change resolves only once it is stored.
 */
export class Journal {
  readonly #kv: KVStore;
  readonly #jobId: string;
  readonly #windows: Window[];
  readonly total: number;

  private constructor(kv: KVStore, jobId: string, total: number, windows: Window[]) {
    this.#kv = kv;
    this.#jobId = jobId;
    this.total = total;
    this.#windows = windows;
  }

  /** Reads the journal of a job of `total` batches, as far as it was written. */
  static async open(kv: KVStore, jobId: string, total: number): Promise<Journal> {
    const windows: Window[] = [];
    for (let first = 0; first < total; first += WINDOW) {
      const stored = await readRecord(kv, ["journal", jobId, String(windows.length)], windowSchema);
      const entries = Array.from(
        { length: Math.min(WINDOW, total - first) },
        (_, i) => fromStored(stored?.entries[i]),
      );
      const issued = stored?.issued ?? 0;
      windows.push({ issuedBefore: issued, issued, entries, writing: undefined, next: undefined });
    }
    return new Journal(kv, jobId, total, windows);
  }

  entry(index: number): BatchEntry {
    return this.#window(index).entries[index % WINDOW] ?? PLANNED;
  }

  /** Whether this batch may have been sent before this journal was opened, although nothing says it was accepted. */
  inDoubt(index: number): boolean {
    return this.entry(index).state === "planned" && index % WINDOW < this.#window(index).issuedBefore;
  }

  /**
   * Says that this batch is about to be sent, and so may `ahead` others behind it: stored before it resolves, so that
   * after a crash it is known which batches are in doubt.
   */
  async issue(index: number, ahead: number): Promise<void> {
    const window = this.#window(index);
    const at = index % WINDOW;
    if (at < window.issued) return;
    window.issued = Math.min(at + 1 + ahead, window.entries.length);
    await this.#store(index);
  }

  async set(index: number, entry: BatchEntry): Promise<void> {
    this.#window(index).entries[index % WINDOW] = entry;
    await this.#store(index);
  }

  /** Every batch and what is known of it, in order. */
  *[Symbol.iterator](): Iterator<readonly [number, BatchEntry]> {
    for (let index = 0; index < this.total; index++) yield [index, this.entry(index)];
  }

  #window(index: number): Window {
    const window = this.#windows[Math.floor(index / WINDOW)];
    if (!window || index < 0) throw new RangeError(`Batch ${index} is not one of ${this.total}`);
    return window;
  }

  #store(index: number): Promise<void> {
    const number = Math.floor(index / WINDOW);
    const window = this.#window(index);
    if (window.next) return window.next;
    const write = async () => {
      window.next = undefined;
      const stored = { v: 1, issued: window.issued, entries: window.entries.map(toStored) };
      window.writing = this.#kv.set(["journal", this.#jobId, String(number)], stored);
      try {
        await window.writing;
      } finally {
        window.writing = undefined;
      }
    };
    if (!window.writing) return write();
    window.next = window.writing.then(write, write);
    return window.next;
  }
}

function toStored(entry: BatchEntry): z.output<typeof storedEntry> {
  switch (entry.state) {
    case "planned":
      return null;
    case "accepted":
      return ["a", entry.job, entry.batchId];
    case "refused":
      return ["r", entry.reason.slice(0, 120)];
    case "settled":
      return ["s", entry.job, entry.batchId, entry.confirmed, entry.failed, entry.unconfirmed];
  }
}

function fromStored(stored: z.output<typeof storedEntry> | undefined): BatchEntry {
  if (stored === undefined || stored === null) return PLANNED;
  switch (stored[0]) {
    case "a":
      return { state: "accepted", job: stored[1], batchId: stored[2] };
    case "r":
      return { state: "refused", reason: stored[1] };
    case "s":
      return {
        state: "settled",
        job: stored[1],
        batchId: stored[2],
        confirmed: stored[3],
        failed: stored[4],
        unconfirmed: stored[5],
      };
  }
}
