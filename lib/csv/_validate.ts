import type { CsvDamage } from "./csv_item.ts";
import type { CsvRow, ParsedCsv } from "./csv_parser_service.ts";

/** What a column's cells may be. A blank cell is no value: of no type, and missing where its column is required. */
export type CsvColumnType = "string" | "integer" | "number" | "boolean" | "date";

/** One's own check of a row: what is wrong with it, or nothing. */
export type CsvRowCheck = (
  data: Readonly<Record<string, string>>,
  row: CsvRow,
) => string | undefined | Promise<string | undefined>;

/** What a content is expected to be. */
export interface CsvExpectations {
  readonly requiredColumns?: readonly string[];
  readonly columnTypes?: Readonly<Record<string, CsvColumnType>>;
  readonly minRows?: number;
  readonly maxRows?: number;
  readonly validators?: readonly CsvRowCheck[];
}

/** One thing that is not as expected. */
export interface CsvFinding {
  /** Physical; absent when it is about the whole content. */
  readonly line?: number;
  readonly column?: string;
  readonly code: string;
  readonly message: string;
}

/** Everything that is not as expected. */
export interface CsvValidation {
  readonly valid: boolean;
  readonly errors: readonly CsvFinding[];
}

const TYPES: Readonly<Record<CsvColumnType, { readonly pattern: RegExp; readonly name: string }>> = {
  string: { pattern: /^/, name: "text" },
  integer: { pattern: /^\s*[+-]?\d+\s*$/, name: "a whole number" },
  number: { pattern: /^\s*[+-]?\d+(\.\d+)?\s*$/, name: "a number" },
  boolean: { pattern: /^\s*(true|false|yes|no|y|n|1|0)\s*$/i, name: "true or false" },
  date: { pattern: /^\s*\d{4}-\d{2}-\d{2}([T ]|\s*$)/, name: "an ISO 8601 date" },
};

/** Holds what was read against what was expected; damaged records are findings, too. */
export async function validateRows(parsed: ParsedCsv, expected: CsvExpectations): Promise<CsvValidation> {
  const { columns, rows } = parsed;
  const errors: CsvFinding[] = parsed.errors.map(ofDamage);
  for (const column of expected.requiredColumns ?? []) {
    if (columns.includes(column)) continue;
    const message = `expected a column '${column}', found ${columns.map((name) => `'${name}'`).join(", ")}`;
    errors.push({ column, code: "column-missing", message });
  }
  const count = rows.length;
  const { minRows = 0, maxRows = Infinity } = expected;
  if (count < minRows) {
    errors.push({ code: "too-few-rows", message: `expected ${minRows} rows, found ${count}` });
  }
  if (count > maxRows) {
    errors.push({ code: "too-many-rows", message: `expected ${maxRows} rows, found ${count}` });
  }
  const types = Object.entries(expected.columnTypes ?? {});
  const required = (expected.requiredColumns ?? []).filter((column) => columns.includes(column));
  for (const row of rows) {
    const { line, data } = row;
    for (const column of required) {
      if (data[column]!.trim() !== "") continue;
      errors.push({
        line,
        column,
        code: "value-missing",
        message: `expected a value in '${column}', found none`,
      });
    }
    for (const [column, type] of types) {
      const cell = data[column];
      if (cell === undefined || cell.trim() === "" || fits(cell, type)) continue;
      const message = `expected ${TYPES[type].name} in '${column}', found '${cell}'`;
      errors.push({ line, column, code: "type-mismatch", message });
    }
    for (const validator of expected.validators ?? []) {
      const message = await validator(data, row);
      if (message !== undefined) errors.push({ line, code: "validator", message });
    }
  }
  return { valid: errors.length === 0, errors };
}

function fits(cell: string, type: CsvColumnType): boolean {
  if (!TYPES[type].pattern.test(cell)) return false;
  if (type !== "date") return true;
  const day = cell.trim().slice(0, 10);
  const time = Date.parse(`${day}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(day);
}

function ofDamage(damage: CsvDamage): CsvFinding {
  return { line: damage.line, code: damage.code, message: damage.message };
}
