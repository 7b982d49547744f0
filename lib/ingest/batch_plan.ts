/**
 * Accepted rows per segment while the size of a batch isn't known yet: the calculator's sizes (100, 150, 250) are
 * multiples of it.
 */
export const AUTO_GRAIN = 50;

/**
 * Longest byte range a batch may cover. Only long runs of superseded or rejected rows make a range longer than its rows.
 */
export const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** A batch to be: which bytes of the file it covers, and how many of its rows are sent. */
export interface PlannedBatch {
  /** Offset of its first byte in the file. */
  readonly start: number;
  /** Bytes. */
  readonly length: number;
  /** Physical line of its first record, 1-based. */
  readonly line: number;
  /** Physical line of its last record's end. */
  readonly lastLine: number;
  /** Rows to send: accepted and not superseded. */
  readonly rows: number;
}

/** Collects accepted rows in file order into small segments, from which batches of any size are put together. */
export class SegmentLog {
  readonly #grain: number;
  readonly #starts: number[] = [];
  readonly #ends: number[] = [];
  readonly #lines: number[] = [];
  readonly #lastLines: number[] = [];
  /** Rows to send in each segment: accepted, less the superseded ones. */
  readonly #rows: number[] = [];
  #accepted = 0;

  /** @param grain accepted rows per segment */
  constructor(grain: number) {
    this.#grain = grain;
  }

  /** Notes an accepted record. */
  add(record: { offset: number; length: number; line: number; endLine: number }): void {
    if (this.#accepted % this.#grain === 0) {
      this.#starts.push(record.offset);
      this.#ends.push(0);
      this.#lines.push(record.line);
      this.#lastLines.push(0);
      this.#rows.push(0);
    }
    const last = this.#starts.length - 1;
    this.#ends[last] = record.offset + record.length;
    this.#lastLines[last] = record.endLine;
    this.#rows[last]!++;
    this.#accepted++;
  }

  /** Notes that the accepted record starting at `line` will not be sent after all. */
  supersede(line: number): void {
    let low = 0;
    let high = this.#lines.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#lines[middle]! <= line) low = middle;
      else high = middle - 1;
    }
    this.#rows[low]!--;
  }

  /** How many segments there are. */
  get length(): number {
    return this.#starts.length;
  }

  /** The segments from `index` on as bytes that `import` takes. */
  exportFrom(index: number): Uint8Array {
    const values: number[] = [];
    for (let i = index; i < this.length; i++) {
      values.push(this.#starts[i]!, this.#ends[i]!, this.#lines[i]!, this.#lastLines[i]!, this.#rows[i]!);
    }
    return new Uint8Array(Float64Array.from(values).buffer);
  }

  /**
   * Takes the segments another log has exported from `index` on, in place of its own from there on.
   *
   * @param accepted rows that log had accepted
   */
  import(index: number, bytes: Uint8Array, accepted: number): void {
    const values = new Float64Array(new Uint8Array(bytes).buffer);
    for (const list of [this.#starts, this.#ends, this.#lines, this.#lastLines, this.#rows]) {
      list.length = index;
    }
    for (let i = 0; i < values.length; i += 5) {
      this.#starts.push(values[i]!);
      this.#ends.push(values[i + 1]!);
      this.#lines.push(values[i + 2]!);
      this.#lastLines.push(values[i + 3]!);
      this.#rows.push(values[i + 4]!);
    }
    this.#accepted = accepted;
  }

  /** The first line of a segment; undefined when there is none. */
  lineOf(index: number): number | undefined {
    return this.#lines[index];
  }

  /** Puts neighbouring segments together into batches of at most `size` rows. Segments with no row to send are left out. */
  plan(size: number): PlannedBatch[] {
    const batches: PlannedBatch[] = [];
    let open: PlannedBatch | undefined;
    for (let i = 0; i < this.#starts.length; i++) {
      const rows = this.#rows[i]!;
      if (rows === 0) continue;
      const end = this.#ends[i]!;
      const lastLine = this.#lastLines[i]!;
      if (open && open.rows + rows <= size && end - open.start <= MAX_BATCH_BYTES) {
        open = { ...open, length: end - open.start, lastLine, rows: open.rows + rows };
      } else {
        if (open) batches.push(open);
        const start = this.#starts[i]!;
        open = { start, length: end - start, line: this.#lines[i]!, lastLine, rows };
      }
    }
    if (open) batches.push(open);
    return batches;
  }
}
