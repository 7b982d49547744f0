import { ConnectorError, giveBack } from "../base/mod.ts";
import { CsvReader } from "../csv/mod.ts";
import {
  type CustomResolvers,
  type MappedRow,
  type MappingError,
  type ResolverTimeout,
  type RowMapper,
  UniversalMapper,
} from "../mapping/mod.ts";
import { isRejectsCsv, restored } from "../report/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import { decodeLines } from "./line_set.ts";
import type { Manifest, ManifestBatch } from "./manifest.ts";
import { ResolvedValues } from "./resolved_values.ts";
import { openSource, type Source } from "./source.ts";

/** One row as it is sent, and where it came from. */
export interface BatchRow {
  readonly entity: Record<string, unknown>;
  readonly line: number;
  readonly endLine: number;
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

/** What is needed to map a file's rows again. */
export interface MappingPorts {
  readonly store: ObjectStore;
  readonly customResolvers?: CustomResolvers | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Maps the rows of a file as its inspection did. Resolvers that answer later are not asked: what they gave was kept. */
export class RowsAgain {
  readonly #mapper: RowMapper;
  readonly #values: ResolvedValues;

  constructor(manifest: Manifest, ports: MappingPorts) {
    this.#mapper = rowMapper(manifest, ports.customResolvers);
    this.#values = new ResolvedValues(ports.store, manifest.resolved?.parts ?? [], ports.signal);
  }

  /** Without a promise where there is nothing to wait for. */
  map(line: number, cells: readonly string[]): MappedRow | Promise<MappedRow> {
    const { later } = this.#mapper;
    return later ? this.#mapAgain(later.again, line, cells) : this.#mapper.map(cells);
  }

  async #mapAgain(
    again: NonNullable<RowMapper["later"]>["again"],
    line: number,
    cells: readonly string[],
  ): Promise<MappedRow> {
    const values = await this.#values.of(line);
    return values ? again(cells, values) : { ok: false, errors: [REJECTED_BEFORE] };
  }
}

const REJECTED_BEFORE: MappingError = {
  field: "",
  code: "rejected-before",
  value: undefined,
  message: "The row was rejected when the file was read; the job's report says why",
};

/** Builds the rows of any batch from its bytes: the same bytes always give the same rows. */
export class BatchReader {
  readonly #manifest: Manifest;
  readonly #again: RowsAgain;

  constructor(manifest: Manifest, ports: MappingPorts) {
    this.#manifest = manifest;
    this.#again = new RowsAgain(manifest, ports);
  }

  /** @throws ConnectorError `manifest-mismatch` when the bytes don't give the rows the manifest promised */
  async rows(batch: ManifestBatch, bytes: Uint8Array): Promise<BatchRow[]> {
    const [start, , line, promised, encoded] = batch;
    const isSuperseded = decodeLines(encoded, line);
    const reader = new CsvReader({
      dialect: this.#manifest.dialect,
      expectedColumns: this.#manifest.header.length,
      maxRecordBytes: this.#manifest.maxRecordBytes,
      startLine: line,
      startOffset: start,
    });
    const rows: BatchRow[] = [];
    for (const item of [...reader.push(bytes), ...reader.end()]) {
      if (item.kind === "damage" || isSuperseded(item.line)) continue;
      const answer = this.#again.map(item.line, item.cells);
      const mapped = answer instanceof Promise ? await answer : answer;
      if (!mapped.ok) continue;
      rows.push({
        entity: mapped.entity,
        line: item.line,
        endLine: item.endLine,
        key: mapped.key,
        offset: item.offset,
        length: item.length,
      });
    }
    if (rows.length !== promised) {
      throw new ConnectorError(
        `Cannot build the batch at byte ${start} of '${this.#manifest.source.key}': expected ${promised} rows, ` +
          `found ${rows.length}`,
        { code: "manifest-mismatch", retry: "never" },
      );
    }
    return rows;
  }
}

/** The mapping of a file, compiled for its columns. A header that comes again among the rows is refused. */
export function rowMapper(
  file: Pick<Manifest, "mapping" | "columns" | "context" | "header" | "resolved">,
  customResolvers: CustomResolvers | undefined,
  resolverTimeout?: ResolverTimeout,
): RowMapper {
  const { mapping, columns, context, header, resolved } = file;
  const mapper = new UniversalMapper(mapping, {
    context,
    ...(customResolvers ? { customResolvers } : {}),
    ...(resolverTimeout ? { resolverTimeout } : {}),
  });
  // A column without a name in the mapping gets one that no mapping can refer to.
  const row = mapper.compileRow(columns.map((column, i) => column ?? `\u0000${i}`), resolved?.fields);
  // A corrected report: what was made harmless for people is again what the file said.
  const restores = isRejectsCsv(header);
  const isHeader = isAgain(header);
  const map: RowMapper["map"] = (cells) =>
    isHeader(cells) ? AGAIN : row.map(restores ? cells.map(restored) : cells);
  const { later } = row;
  if (!later) return { map };
  return {
    map,
    later: {
      fields: later.fields,
      map: (cells) =>
        isHeader(cells)
          ? Promise.resolve({ mapped: AGAIN, values: [] })
          : later.map(restores ? cells.map(restored) : cells),
      again: (cells, values) =>
        isHeader(cells) ? AGAIN : later.again(restores ? cells.map(restored) : cells, values),
    },
  };
}

const REPEATED_HEADER: MappingError = {
  field: "",
  code: "csv-repeated-header",
  value: undefined,
  message: "Cannot read this line as a row: it is the header again",
};
const AGAIN: MappedRow = { ok: false, errors: [REPEATED_HEADER] };

/** Tells the header's own cells, however they are spaced and cased. */
function isAgain(header: readonly string[]): (cells: readonly string[]) => boolean {
  const names = header.map((name) => name.trim().toLowerCase());
  const length = names[0]?.length ?? 0;
  return (cells) =>
    cells[0]!.trim().length === length && cells.length === names.length &&
    cells.every((cell, i) => cell.trim().toLowerCase() === names[i]);
}

/** The bytes of a range of the manifest's source, exactly. */
export async function readRange(
  store: ObjectStore,
  source: Source,
  range: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(range.end - range.start);
  let at = 0;
  for await (const chunk of openSource(store, source, range, signal)) {
    bytes.set(chunk, at);
    at += chunk.length;
    giveBack(chunk);
  }
  if (at !== bytes.length) {
    throw new ConnectorError(
      `Cannot read '${source.key}': expected ${bytes.length} bytes from ${range.start} on, found ${at}`,
      { code: "s3-short-read", retry: "later" },
    );
  }
  return bytes;
}
