import type { CsvDamage, CsvItem, CsvReader, CsvRecord } from "../csv/mod.ts";
import type { LaterMapper, MappedRow, MappingError, ResolvedRow, RowMapper } from "../mapping/mod.ts";
import { LISTED_ROWS, type RejectedRow } from "../report/mod.ts";
import { SegmentLog } from "./batch_plan.ts";
import { KeyIndex, type Lines } from "./key_index.ts";
import { LineSet } from "./line_set.ts";
import type { RejectSpool } from "./reject_spool.ts";
import type { ResolvedSpool } from "./resolved_values.ts";

/** Rows after which it is guessed how many there will be. */
const ROWS_TO_ESTIMATE = 1_000;

/** What a tally adds to a checkpoint: numbers, and what has come since the last one. */
export interface TallyPart {
  readonly state: TallyState;
  /** Keys, segments and superseded lines, in this order. */
  readonly blocks: readonly [Uint8Array, Uint8Array, Uint8Array];
}

export interface TallyState {
  readonly read: number;
  readonly accepted: number;
  readonly seed: readonly [number, number];
  /** Keys room was made for. */
  readonly reserved: number;
  /** The first segment of this part. */
  readonly firstSegment: number;
}

/** Everything that is known of the rows read so far. */
export class RowTally {
  read = 0;
  accepted = 0;
  readonly superseded = new LineSet();
  readonly segments: SegmentLog;
  readonly rejects: RejectSpool;
  readonly resolved: ResolvedSpool;
  readonly #longSuperseded = new Map<number, number>();
  readonly #mapper: RowMapper;
  readonly #columns: readonly (string | null)[];
  readonly #source: { readonly start: number; readonly size: number };
  #keys: KeyIndex;
  #reserved = 0;
  /** What the last checkpoint has: lines before this one, and segments before this one. */
  #savedLine = 0;
  #savedSegments = 0;
  /** [line, last line, …] of rows superseded since. */
  #newlySuperseded: number[] = [];

  /** @param source where its first row starts, and how large it is, in bytes */
  constructor(init: {
    random: () => number;
    grain: number;
    rejects: RejectSpool;
    resolved: ResolvedSpool;
    mapper: RowMapper;
    columns: readonly (string | null)[];
    source: { readonly start: number; readonly size: number };
  }) {
    this.segments = new SegmentLog(init.grain);
    this.rejects = init.rejects;
    this.resolved = init.resolved;
    this.#mapper = init.mapper;
    this.#columns = init.columns;
    this.#source = init.source;
    this.#keys = new KeyIndex(init.random);
  }

  /** How rows are mapped whose resolvers answer later; undefined where all answer at once. */
  get later(): LaterMapper | undefined {
    return this.#mapper.later;
  }

  /** Maps and notes one item. True when a spool is full and `flush` should be called. */
  take(item: CsvItem, reader: CsvReader): boolean {
    return item.kind === "damage"
      ? this.#damaged(item)
      : this.#note(item, reader, this.#mapper.map(item.cells));
  }

  /** As `take`, for a row that was mapped by resolvers that answered later. */
  takeResolved(item: CsvRecord, reader: CsvReader, row: ResolvedRow): boolean {
    const isFull = row.mapped.ok && this.resolved.add(item.line, row.values);
    return this.#note(item, reader, row.mapped) || isFull;
  }

  /** Writes out what the spools have gathered. */
  async flush(): Promise<void> {
    await this.rejects.flush();
    await this.resolved.flush();
  }

  #damaged({ line, endLine, column, code, raw, message }: CsvDamage): boolean {
    this.read++;
    return this.rejects.add({
      line,
      endLine,
      ...(column === undefined ? {} : { column }),
      code,
      raw,
      message,
    });
  }

  #note(item: CsvRecord, reader: CsvReader, mapped: MappedRow): boolean {
    this.read++;
    if (!mapped.ok) {
      return this.rejects.add(rejectedByMapping(item, reader.rawText(item), mapped.errors, this.#columns));
    }
    this.accepted++;
    this.segments.add(item);
    if (this.accepted === ROWS_TO_ESTIMATE) {
      const bytesPerRow = (item.offset + item.length - this.#source.start) / this.accepted;
      this.#reserve(Math.ceil(this.#source.size / bytesPerRow * 1.05));
    }
    const earlier = this.#keys.put(mapped.key, item.line, item.endLine);
    if (earlier) this.#supersede(earlier);
    return false;
  }

  /** Rows that are sent: accepted, and the last of their key. */
  get sendable(): number {
    return this.accepted - this.superseded.size;
  }

  /** The first superseded rows, in file order. */
  firstSuperseded(): { line: number; endLine: number }[] {
    const first: { line: number; endLine: number }[] = [];
    for (const line of this.superseded) {
      if (first.length >= LISTED_ROWS) break;
      first.push({ line, endLine: this.#longSuperseded.get(line) ?? line });
    }
    return first;
  }

  /**
   * What has come since the last call, for a checkpoint.
   *
   * @param nextLine the first line not read yet
   */
  part(nextLine: number): TallyPart {
    const { read, accepted } = this;
    const part: TallyPart = {
      state: {
        read,
        accepted,
        seed: this.#keys.seed,
        reserved: this.#reserved,
        firstSegment: this.#savedSegments,
      },
      blocks: [
        this.#keys.exportFrom(this.#savedLine),
        this.segments.exportFrom(this.#savedSegments),
        new Uint8Array(Float64Array.from(this.#newlySuperseded).buffer),
      ],
    };
    this.#saved(nextLine);
    return part;
  }

  /** Takes up the parts of the checkpoints before, in order; to be called before anything else. */
  async resume(parts: AsyncIterable<TallyPart>, nextLine: number): Promise<void> {
    let isFirst = true;
    for await (const { state, blocks: [keys, segments, superseded] } of parts) {
      if (isFirst) this.#keys = new KeyIndex(state.seed);
      isFirst = false;
      this.#reserve(state.reserved);
      this.#keys.import(keys);
      const before = new Float64Array(new Uint8Array(superseded).buffer);
      const first = new Float64Array(new Uint8Array(segments).buffer)[2] ?? Infinity;
      for (let i = 0; i < before.length; i += 2) {
        // What is superseded within the part's own segments is left out of their counts already.
        if (before[i]! < first) this.segments.supersede(before[i]!);
        this.#noteSuperseded({ line: before[i]!, endLine: before[i + 1]! });
      }
      this.segments.import(state.firstSegment, segments, state.accepted);
      this.read = state.read;
      this.accepted = state.accepted;
    }
    this.#saved(nextLine);
  }

  #saved(nextLine: number): void {
    this.#savedLine = nextLine;
    // The last segment may still grow, so the next part has it again.
    this.#savedSegments = Math.max(this.segments.length - 1, 0);
    this.#newlySuperseded = [];
  }

  #reserve(keys: number): void {
    this.#reserved = Math.max(this.#reserved, keys);
    this.#keys.reserve(this.#reserved);
  }

  #supersede(earlier: Lines): void {
    this.#noteSuperseded(earlier);
    this.#newlySuperseded.push(earlier.line, earlier.endLine);
    this.segments.supersede(earlier.line);
  }

  #noteSuperseded({ line, endLine }: Lines): void {
    this.superseded.add(line);
    if (endLine !== line) this.#longSuperseded.set(line, endLine);
  }
}

/** A row the mapping could not map: its first error's column and code, every error's message. */
function rejectedByMapping(
  record: Lines,
  raw: string,
  errors: readonly MappingError[],
  columns: readonly (string | null)[],
): RejectedRow {
  const first = errors[0];
  const index = first?.source === undefined ? -1 : columns.indexOf(first.source);
  return {
    line: record.line,
    endLine: record.endLine,
    ...(index < 0 ? {} : { column: index + 1 }),
    code: first?.code ?? "mapping",
    raw,
    message: errors.map((error) => error.message).join("; "),
  };
}
