import { CsvReader } from "../csv/mod.ts";
import { type Manifest, rowMapper } from "../ingest/mod.ts";
import type { ObjectStore } from "../s3/mod.ts";
import type { Appearance } from "./explanation.ts";

/** Length of UTF-8's byte order mark. */
const MARK = [0xef, 0xbb, 0xbf];

/** A row about a position. */
export interface RowAbout {
  readonly line: number;
  readonly endLine: number;
  readonly offset: number;
  readonly raw: string;
  readonly cells: Appearance["cells"];
  /** What the mapping made of it; undefined when it was rejected, for the reason `errors` gives. */
  readonly mapped: Record<string, unknown> | undefined;
  readonly errors: Pick<Appearance, "code" | "reason">;
}

/**
 * The rows of one file about a position, in the file's order: those the mapping gives that SKU and location, and those it
 * rejects whose cells name them.
 */
export async function rowsAbout(
  { sku, location }: { readonly sku: string; readonly location: string },
  manifest: Manifest,
  source: Manifest["source"],
  store: ObjectStore,
  signal: AbortSignal | undefined,
): Promise<RowAbout[]> {
  if (manifest.header.length === 0) return [];
  const { map } = rowMapper(manifest, undefined);
  const columnOf = (target: string) => {
    const from = manifest.mapping.fields[target]?.source;
    return from === undefined ? -1 : manifest.columns.indexOf(from);
  };
  const skuAt = columnOf("skuRef");
  const locationAt = columnOf("locationRef");
  const found: RowAbout[] = [];
  const { body } = await store.openFile(source.key, { ifMatch: source.etag, ...(signal ? { signal } : {}) });
  let reader: CsvReader | undefined;
  let isHeader = true;
  const take = (items: ReturnType<CsvReader["push"]>) => {
    for (const item of items) {
      if (isHeader) {
        isHeader = false;
        continue;
      }
      if (item.kind === "damage") {
        if (!item.raw.includes(sku) || !item.raw.includes(location)) continue;
        const { line, endLine, code, raw, message } = item;
        found.push({
          line,
          endLine,
          offset: -1,
          raw,
          cells: {},
          mapped: undefined,
          errors: { code, reason: message },
        });
        continue;
      }
      const mapped = map(item.cells);
      const isAbout = mapped.ok
        ? mapped.entity["skuRef"] === sku && mapped.entity["locationRef"] === location
        : item.cells[skuAt]?.trim() === sku && item.cells[locationAt]?.trim() === location;
      if (!isAbout) continue;
      const { line, endLine, offset } = item;
      found.push({
        line,
        endLine,
        offset,
        raw: reader!.rawText(item),
        cells: Object.fromEntries(
          item.cells.map((cell, i) => [manifest.columns[i] ?? manifest.header[i] ?? "", cell]),
        ),
        mapped: mapped.ok ? mapped.entity : undefined,
        errors: mapped.ok ? {} : {
          code: mapped.errors[0]?.code ?? "mapping",
          reason: mapped.errors.map(({ message }) => message).join("; "),
        },
      });
    }
  };
  for await (const chunk of body) {
    const marked = reader === undefined && MARK.every((byte, i) => chunk[i] === byte);
    reader ??= new CsvReader({
      dialect: manifest.dialect,
      expectedColumns: manifest.header.length,
      startOffset: marked ? MARK.length : 0,
    });
    take(reader.push(marked ? chunk.subarray(MARK.length) : chunk));
  }
  if (reader) take(reader.end());
  return found;
}
