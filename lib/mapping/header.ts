import { isRejectsCsv, REJECTS_COLUMNS, restored } from "../report/mod.ts";
import { CONTEXT } from "./_check.ts";
import type { FieldConfig, MappingFile } from "./mapping_file.ts";

/** A file's header seen through a mapping. */
export interface ResolvedHeader {
  /** The mapping's name of each cell's column, undefined where the mapping has none. */
  readonly columns: readonly (string | undefined)[];
  /** Header cells the mapping doesn't know. */
  readonly unknownColumns: readonly string[];
  /** Why the file cannot be read with this mapping. */
  readonly problem?: { readonly code: string; readonly message: string };
}

/**
 * Matches header cells to the mapping's columns: by name or alias, exactly first, then without surrounding spaces and
 * regardless of case. A mapping that declares no columns takes those its fields read. What a `rejects.csv` adds to the
 * columns of its file is known, and no column of any mapping.
 */
export function resolveHeader(mapping: MappingFile, header: readonly string[]): ResolvedHeader {
  const isRejects = isRejectsCsv(header);
  const cells = isRejects ? header.map(restored) : header;
  const contract = contractOf(mapping);
  const exact = new Map<string, string>();
  const loose = new Map<string, string>();
  for (const [column, { aliases }] of contract) {
    for (const name of [column, ...aliases]) {
      if (!exact.has(name)) exact.set(name, column);
      if (!loose.has(fold(name))) loose.set(fold(name), column);
    }
  }
  const isAdded = (cell: string) => isRejects && (REJECTS_COLUMNS as readonly string[]).includes(cell);
  const columns = cells.map((cell) => isAdded(cell) ? undefined : exact.get(cell) ?? loose.get(fold(cell)));
  const unknownColumns = cells.filter((cell, i) => columns[i] === undefined && !isAdded(cell));
  const result = { columns, unknownColumns };
  const repeated = cells.filter((cell, i) => cell.trim() !== "" && cells.indexOf(cell) !== i);
  if (repeated.length > 0) return { ...result, problem: duplicate(repeated[0]!, "stands there twice") };
  const twice = columns.find((column, i) => column !== undefined && columns.indexOf(column) !== i);
  if (twice !== undefined) {
    const both = cells.filter((_, i) => columns[i] === twice).map((cell) => `'${cell}'`).join(" and ");
    return { ...result, problem: duplicate(twice, `is named by ${both}`) };
  }
  const missing = [...contract].filter(([column, { required }]) => required && !columns.includes(column));
  if (missing.length === 0) return result;
  const wanted = missing.map(([column, { aliases }]) =>
    [column, ...aliases].map((name) => `'${name}'`).join(" or ")
  );
  const found = cells.map((cell) => `'${cell}'`).join(", ");
  return {
    ...result,
    problem: {
      code: "header-missing",
      message: `The header lacks a column: expected ${wanted.join(", and ")}, found ${
        found.length > 300 ? found.slice(0, 300) + "…" : found
      }`,
    },
  };
}

/** The columns a file may have: declared, or else those the fields read. Required: declared so, or read by such a field. */
function contractOf(mapping: MappingFile): Map<string, { aliases: readonly string[]; required: boolean }> {
  const needs = new Map<string, boolean>();
  readBy(mapping.fields, needs);
  if (!mapping.columns) {
    return new Map([...needs].map(([source, required]) => [source, { aliases: [], required }]));
  }
  return new Map(
    Object.entries(mapping.columns).map(([column, { aliases = [], required }]) => [
      column,
      { aliases, required: required ?? needs.get(column) ?? false },
    ]),
  );
}

/** Collects the columns fields read, and whether a row can do without them. */
function readBy(fields: Readonly<Record<string, FieldConfig>>, needs: Map<string, boolean>): void {
  for (const { source, required = false, defaultValue, fields: nested } of Object.values(fields)) {
    if (source !== undefined && !source.startsWith(CONTEXT)) {
      needs.set(source, (needs.get(source) ?? false) || (required && defaultValue === undefined));
    }
    if (nested) readBy(nested, needs);
  }
}

function fold(name: string): string {
  return name.trim().toLowerCase();
}

function duplicate(column: string, how: string) {
  return {
    code: "header-duplicate",
    message: `The header is ambiguous: the column '${column}' ${how}`,
  };
}
