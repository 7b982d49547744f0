import { ConnectorError } from "../base/mod.ts";
import type { Range } from "../recovery/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";
import { SharedWrite } from "./_shared_write.ts";
import {
  fromStored,
  partsSchema,
  PLANNED,
  toStored,
  type UnitEntry,
  windowSchema,
} from "./journal_record.ts";

/** Batches per record at most: 250 entries of at most about 200 characters stay below the largest value that is written. */
export const JOURNAL_WINDOW = 250;
/** Parts a batch may fall into: so many stay below the largest value that is written. */
export const MAX_PARTS = 500;
/** What is sent in one request: a whole batch, or some of its rows after Fluent refused the whole. */
export interface Unit {
  readonly index: number;
  /** Its place among the parts of its batch; absent for a whole batch. */
  readonly part?: number;
  /** Which rows of the batch; absent for all. */
  readonly range?: Range;
  readonly entry: UnitEntry;
}

const SENDING: UnitEntry = { state: "sending" };

interface Window {
  /** What an earlier process left: batches below it that have no answer are in doubt. */
  readonly issuedBefore: number;
  issued: number;
  /** As far as it is stored. */
  issuedStored: number;
  readonly entries: (UnitEntry | Parts)[];
  readonly write: SharedWrite;
}

interface Part {
  readonly range: Range;
  entry: UnitEntry;
}

interface Parts {
  readonly state: "split";
  readonly parts: Part[];
  readonly write: SharedWrite;
}

/** How a journal is laid out, and which part of it is worked on. */
export interface JournalOptions {
  /** Batches per record, as the file's manifest has it. Default 250. */
  readonly window?: number | undefined;
  /** The batches that are worked on, a whole number of records; the others are only read. Default: all. */
  readonly only?: { readonly from: number; readonly to: number } | undefined;
}

/**
 * What deliver and confirm have done, batch by batch, in the key-value store: one record per window of batches. Every
 * change resolves only once it is stored; who need not wait for that goes on and asks {@linkcode Journal.flush} later.
 */
export class Journal {
  readonly #kv: KVStore;
  readonly #jobId: string;
  #windows: Window[] = [];
  readonly total: number;
  readonly #size: number;
  readonly #only: { readonly from: number; readonly to: number };
  #unwritten = 0;
  #failure: { readonly error: unknown } | undefined;

  private constructor(kv: KVStore, jobId: string, total: number, { window, only }: JournalOptions) {
    this.#kv = kv;
    this.#jobId = jobId;
    this.total = total;
    this.#size = window ?? JOURNAL_WINDOW;
    this.#only = only ?? { from: 0, to: total };
  }

  /** Reads the journal of a job of `total` batches, as far as it was written. */
  static async open(
    kv: KVStore,
    jobId: string,
    total: number,
    options: JournalOptions = {},
  ): Promise<Journal> {
    const journal = new Journal(kv, jobId, total, options);
    journal.#windows = await journal.#read(() => true);
    return journal;
  }

  /** Reads again what others have noted of the batches that are not worked on here. */
  async readOthers(): Promise<void> {
    const windows = await this.#read((number) => !this.#isOwn(number));
    this.#windows = this.#windows.map((window, number) => windows[number] ?? window);
  }

  /** Changes that are not stored yet. */
  get unwritten(): number {
    return this.#unwritten;
  }

  /** Everything that is worked on here, and is sent, or was, in one request each; in order. */
  *units(): Iterable<Unit> {
    for (let index = this.#only.from; index < this.#only.to; index++) yield* this.unitsOf(index);
  }

  /** The same of the whole file, as far as it was known when it was last read. */
  *allUnits(): Iterable<Unit> {
    for (let index = 0; index < this.total; index++) yield* this.unitsOf(index);
  }

  /** The requests one batch takes, or took. */
  unitsOf(index: number): Unit[] {
    const entry = this.#window(index).entries[index % this.#size] ?? PLANNED;
    if (entry.state !== "split") return [{ index, entry: this.#known(index, entry) }];
    return entry.parts.map((part, at) => ({ index, part: at, range: part.range, entry: part.entry }));
  }

  /** What is known of a whole batch; undefined when it is in parts. */
  entry(index: number): UnitEntry | undefined {
    const [unit] = this.unitsOf(index);
    return unit?.part === undefined ? unit?.entry : undefined;
  }

  /** Whether it is still open what becomes of a unit: it is not sent, or nothing says what became of it. */
  static isOpen(unit: Unit): boolean {
    return unit.entry.state === "planned" || Journal.inDoubt(unit);
  }

  /** Whether that unit may have been sent, although nothing says what became of it. */
  static inDoubt({ entry }: Unit): boolean {
    return entry.state === "sending" || entry.state === "ambiguous";
  }

  /**
   * Says that this batch is about to be sent, and so may `ahead` others behind it: stored before it resolves, so that
   * after a crash it is known which batches are in doubt. Mostly there is nothing to wait for, because the mark is moved
   * on before it is reached.
   */
  async issue(index: number, ahead: number): Promise<void> {
    const last = Math.min(index + ahead, this.#only.to - 1);
    const size = this.#size;
    for (let number = Math.floor(index / size); number <= Math.floor(last / size); number++) {
      const window = this.#windows[number]!;
      const upTo = Math.min(last - number * size + 1, window.entries.length);
      // Moved on in steps, so that a batch seldom costs a write of its own.
      if (upTo > window.issued) {
        window.issued = Math.min(upTo + ahead, window.entries.length);
        this.#background(window.write);
      }
    }
    const own = this.#window(index);
    while (index % size >= own.issuedStored) {
      await (own.write.last ?? own.write.now());
      this.#throwIfFailed();
    }
  }

  /** Notes what became of a unit. */
  set(unit: Pick<Unit, "index" | "part">, entry: UnitEntry): Promise<void> {
    const window = this.#window(unit.index);
    const at = unit.index % this.#size;
    const known = window.entries[at];
    if (known?.state === "split") {
      const part = known.parts[unit.part ?? -1];
      if (!part) throw new RangeError(`Batch ${unit.index} has no part ${unit.part}`);
      part.entry = entry;
      return this.#noted(known.write.now());
    }
    window.entries[at] = entry;
    return this.#noted(window.write.now());
  }

  /** Puts ranges in the place of a unit, to be sent one by one; false when the batch is in too many parts already. */
  async split(unit: Pick<Unit, "index" | "part">, ranges: readonly Range[]): Promise<boolean> {
    const window = this.#window(unit.index);
    const at = unit.index % this.#size;
    const parts = ranges.map((range): Part => ({ range, entry: PLANNED }));
    const known = window.entries[at];
    if (known?.state === "split") {
      if (known.parts.length + parts.length > MAX_PARTS) return false;
      // What was refused is replaced by its first half; the others go last: the widest ranges are tried first.
      const [first, ...rest] = parts;
      if (unit.part === undefined || !first) throw new RangeError(`Batch ${unit.index} is in parts`);
      known.parts[unit.part] = first;
      known.parts.push(...rest);
      await this.#noted(known.write.now());
      return true;
    }
    const split = this.#parts(unit.index, parts);
    // The parts first: without them, the window's word for it would mean nothing.
    await this.#noted(split.write.now());
    window.entries[at] = split;
    await this.#noted(window.write.now());
    return true;
  }

  /** Resolves once everything noted so far is stored. @throws the first failure of a write. */
  async flush(): Promise<void> {
    await Promise.all(this.#windows.flatMap((window) => [
      window.write.last,
      ...window.entries.map((entry) => entry.state === "split" ? entry.write.last : undefined),
    ]));
    this.#throwIfFailed();
  }

  /**
   * Says that nothing is under way: what is planned has not been sent, except where an earlier process left it in doubt.
   * So a slice that ends in good order leaves no doubts to the next one.
   */
  async rest(): Promise<void> {
    await this.flush();
    await Promise.all(
      this.#windows.filter((_, number) => this.#isOwn(number)).map(async (window) => {
        const isDoubtful = window.entries.some((entry, at) => entry === PLANNED && at < window.issuedBefore);
        const mark = isDoubtful ? window.issuedBefore : 0;
        const matters = window.entries.some((entry, at) =>
          entry === PLANNED && at >= mark && at < window.issued
        );
        if (!matters) return;
        window.issued = mark;
        await window.write.now();
      }),
    );
  }

  #known(index: number, entry: UnitEntry): UnitEntry {
    const before = this.#window(index).issuedBefore;
    return entry === PLANNED && index % this.#size < before ? SENDING : entry;
  }

  #isOwn(number: number): boolean {
    const first = number * this.#size;
    return first >= this.#only.from && first < this.#only.to;
  }

  #window(index: number): Window {
    const window = this.#windows[Math.floor(index / this.#size)];
    if (!window || index < 0) throw new RangeError(`Batch ${index} is not one of ${this.total}`);
    return window;
  }

  #background(write: SharedWrite): void {
    // Whoever comes to need it hears of it, see `issue` and `flush`.
    write.now().catch((error: unknown) => this.#failure ??= { error });
  }

  async #noted(write: Promise<void>): Promise<void> {
    this.#unwritten++;
    try {
      await write;
    } finally {
      this.#unwritten--;
    }
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.error;
  }

  #parts(index: number, parts: Part[]): Parts {
    const key = ["journal", this.#jobId, partsName(index)];
    const write = new SharedWrite(() =>
      this.#kv.set(key, {
        v: 2,
        parts: parts.map(({ range, entry }) => [range.from, range.rows, toStored(entry)]),
      })
    );
    return { state: "split", parts, write };
  }

  /** The windows that are wanted, at their places. */
  async #read(isWanted: (number: number) => boolean): Promise<Window[]> {
    const size = this.#size;
    const numbers = Array.from({ length: Math.ceil(this.total / size) }, (_, number) => number)
      .filter(isWanted);
    const windows: Window[] = [];
    const stored = await inGroups(
      numbers,
      (number) => readRecord(this.#kv, ["journal", this.#jobId, String(number)], windowSchema),
    );
    for (const [at, number] of numbers.entries()) {
      const record = stored[at];
      const length = Math.min(size, this.total - number * size);
      const entries: (UnitEntry | Parts)[] = [];
      for (let at = 0; at < length; at++) {
        const entry = record?.entries[at];
        entries.push(entry?.[0] === "x" ? await this.#readParts(number * size + at) : fromStored(entry));
      }
      const issued = record?.issued ?? 0;
      const window: Window = {
        issuedBefore: issued,
        issued,
        issuedStored: issued,
        entries,
        write: new SharedWrite(async () => {
          const mark = window.issued;
          await this.#kv.set(["journal", this.#jobId, String(number)], {
            v: 2,
            issued: mark,
            entries: entries.map(toStored),
          });
          window.issuedStored = mark;
        }),
      };
      windows[number] = window;
    }
    return windows;
  }

  async #readParts(index: number): Promise<Parts> {
    const record = await readRecord(this.#kv, ["journal", this.#jobId, partsName(index)], partsSchema);
    if (!record) {
      throw new ConnectorError(
        `Cannot read the journal of '${this.#jobId}': the parts of batch ${index} are missing`,
        {
          code: "state-unreadable",
          retry: "never",
        },
      );
    }
    return this.#parts(
      index,
      record.parts.map(([from, rows, entry]) => ({ range: { from, rows }, entry: fromStored(entry) })),
    );
  }
}

function partsName(index: number): string {
  return `parts-${index}`;
}

/** Reads several at a time, results in order. */
async function inGroups<T, R>(items: readonly T[], read: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += 8) {
    results.push(...await Promise.all(items.slice(at, at + 8).map(read)));
  }
  return results;
}
