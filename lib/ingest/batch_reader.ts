import { ConnectorError } from "../base/mod.ts";
import { CsvReader } from "../csv/mod.ts";
import { type CustomResolvers, type RowMapper, UniversalMapper } from "../mapping/mod.ts";
import { isRejectsCsv, restored } from "../report/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import { decodeLines } from "./line_set.ts";
import type { Manifest, ManifestBatch } from "./manifest.ts";

/** One row as it is sent, and where it came from. */
export interface BatchRow {
  readonly entity: Record<string, unknown>;
  readonly line: number;
  readonly endLine: number;
  readonly key: string;
  readonly offset: number;
  readonly length: number;
}

/** Builds the rows of any batch from its bytes: the same bytes always give the same rows. */
export class BatchReader {
  readonly #manifest: Manifest;
  readonly #mapper: RowMapper;

  constructor(manifest: Manifest, customResolvers?: CustomResolvers) {
    this.#manifest = manifest;
    this.#mapper = rowMapper(manifest, customResolvers);
  }

  /** @throws ConnectorError `manifest-mismatch` when the bytes don't give the rows the manifest promised */
  rows(batch: ManifestBatch, bytes: Uint8Array): BatchRow[] {
    const [start, , line, promised, encoded] = batch;
    const isSuperseded = decodeLines(encoded, line);
    const reader = new CsvReader({
      dialect: this.#manifest.dialect,
      expectedColumns: this.#manifest.header.length,
      startLine: line,
      startOffset: start,
    });
    const rows: BatchRow[] = [];
    for (const item of [...reader.push(bytes), ...reader.end()]) {
      if (item.kind === "damage" || isSuperseded(item.line)) continue;
      const mapped = this.#mapper.map(item.cells);
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

/** The mapping of a manifest, compiled for its columns. */
export function rowMapper(
  { mapping, columns, context, header }: Pick<Manifest, "mapping" | "columns" | "context" | "header">,
  customResolvers: CustomResolvers | undefined,
): RowMapper {
  const mapper = new UniversalMapper(mapping, { context, ...(customResolvers ? { customResolvers } : {}) });
  // A column without a name in the mapping gets one that no mapping can refer to.
  const row = mapper.compileRow(columns.map((column, i) => column ?? `\u0000${i}`));
  // A corrected report: what was made harmless for people is again what the file said.
  return isRejectsCsv(header) ? { map: (cells) => row.map(cells.map(restored)) } : row;
}

/** The bytes of a range of the manifest's source, exactly. */
export async function readRange(
  store: ObjectStore,
  source: Manifest["source"],
  range: { start: number; end: number },
  signal?: AbortSignal,
): Promise<Uint8Array> {
  const { body } = await store.openFile(source.key, {
    range,
    ifMatch: source.etag,
    ...(signal ? { signal } : {}),
  });
  const bytes = new Uint8Array(range.end - range.start);
  let at = 0;
  for await (const chunk of body) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at !== bytes.length) {
    throw new ConnectorError(
      `Cannot read '${source.key}': expected ${bytes.length} bytes from ${range.start} on, found ${at}`,
      { code: "s3-short-read", retry: "later" },
    );
  }
  return bytes;
}
