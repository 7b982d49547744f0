import { CsvReader } from "../csv/mod.ts";
import { type Manifest, RowsAgain } from "../ingest/mod.ts";
import type { CustomResolvers } from "../mapping/mod.ts";
import type { Appearance } from "./explanation.ts";
import { bytesOf, partsWith, type Reading, wholeFile } from "./file_parts.ts";

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

/** How a file's rows are read. */
export interface RowsReading extends Reading {
  readonly customResolvers?: CustomResolvers | undefined;
}

/**
 * The rows of one file about a position, in the file's order: those the mapping gives that SKU and location, and those it
 * rejects whose cells name them. Where the mapping takes the SKU as it stands in its column, only the stretches of the
 * file are read as rows in which it occurs.
 *
 * @throws OutOfTime
 */
export async function rowsAbout(
  { sku, location }: { readonly sku: string; readonly location: string },
  manifest: Manifest,
  source: Manifest["source"],
  reading: RowsReading,
): Promise<RowAbout[]> {
  if (manifest.header.length === 0) return [];
  const again = new RowsAgain(manifest, reading);
  const columnOf = (target: string) => {
    const from = manifest.mapping.fields[target]?.source;
    return from === undefined ? -1 : manifest.columns.indexOf(from);
  };
  const skuAt = columnOf("skuRef");
  const locationAt = columnOf("locationRef");
  const found: RowAbout[] = [];
  let reader: CsvReader | undefined;
  let isHeader = true;
  const take = async (items: ReturnType<CsvReader["push"]>) => {
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
      const answer = again.map(item.line, item.cells);
      const mapped = answer instanceof Promise ? await answer : answer;
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
  const parts = standsInFile(sku, manifest)
    ? await partsWith(sku, manifest, source, reading)
    : [wholeFile(source)];
  for (const { start, end, line } of parts) {
    reader = undefined;
    isHeader = start === 0;
    for await (const chunk of bytesOf(source, reading, { start, end })) {
      const marked: boolean = start === 0 && reader === undefined &&
        MARK.every((byte, i) => chunk[i] === byte);
      reader ??= new CsvReader({
        dialect: manifest.dialect,
        expectedColumns: manifest.header.length,
        maxRecordBytes: manifest.maxRecordBytes,
        startLine: line,
        startOffset: start + (marked ? MARK.length : 0),
      });
      await take(reader.push(marked ? chunk.subarray(MARK.length) : chunk));
    }
    if (reader) await take(reader.end());
  }
  return found;
}

/** Whether a row about this SKU has the SKU's own characters in the file: not where a resolver makes it of others. */
function standsInFile(sku: string, { mapping, dialect }: Manifest): boolean {
  const field = mapping.fields["skuRef"];
  if (field?.source === undefined || field.source.startsWith("$") || field.defaultValue !== undefined) {
    return false;
  }
  const isVerbatim = field.resolver === undefined || field.resolver === "sdk.trim";
  // A quote inside of a quoted cell is written twice.
  return isVerbatim && sku !== "" && !sku.includes(dialect.quote) && !sku.includes(dialect.escape);
}
