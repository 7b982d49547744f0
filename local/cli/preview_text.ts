import Table from "cli-table3";
import type { Preview } from "../../lib/ingest/mod.ts";
import { whole } from "./measure.ts";

/** Characters of a raw row that are shown. */
const RAW_SHOWN = 100;

const DELIMITERS: Readonly<Record<string, string>> = {
  ",": "comma",
  ";": "semicolon",
  "\t": "tab",
  "|": "pipe",
};

/** What would become of a file, for a person. */
export function previewText(found: Preview): string {
  const { file, encoding, dialect, mapping, rows, batches, heldBecause } = found;
  const delimiter = DELIMITERS[dialect.delimiter] ?? `'${dialect.delimiter}'`;
  const lines = [
    `${file.key.split("/").at(-1)}: ${whole(file.size)} bytes, ${encoding}, ${delimiter} between cells`,
    `Mapping '${mapping.name}', version ${mapping.version}`,
  ];
  if (found.header.length > 0) lines.push("", headerTable(found));
  lines.push(
    "",
    `Rows: ${whole(rows.read)} read, ${whole(rows.sendable)} to send, ${whole(rows.rejected)} rejected, ` +
      `${whole(rows.superseded)} superseded`,
  );
  for (const { code, rows, examples } of found.rejects) {
    lines.push("", `Rejected: ${code}, ${whole(rows)} ${rows === 1 ? "row" : "rows"}`);
    for (const { line, raw, message } of examples) {
      lines.push(`  line ${line}: ${cut(raw)}`, `    ${message}`);
    }
  }
  if (rows.superseded > 0) {
    const first = found.superseded.slice(0, 10).map(({ line }) => line).join(", ");
    const more = rows.superseded > 10 ? ", …" : "";
    lines.push("", `Superseded by a later row with the same key: line ${first}${more}`);
  }
  if (found.payloads.length > 0) {
    lines.push(
      "",
      `First of ${whole(batches.total)} ${batches.total === 1 ? "batch" : "batches"} of up to ${
        whole(batches.size)
      } rows:`,
      ...found.payloads.map((entity) => `  ${JSON.stringify(entity)}`),
    );
  }
  lines.push("", verdict(heldBecause), "Nothing was sent.");
  return lines.join("\n");
}

function headerTable({ header }: Preview): string {
  const table = new Table({ head: ["column", "read as", "field"], style: { head: [], border: [] } });
  for (const { header: cell, column, fields } of header) {
    table.push([cell === "" ? "(no name)" : cell, column ?? "-", fields.join(", ") || "-"]);
  }
  return table.toString();
}

function verdict(heldBecause: Preview["heldBecause"]): string {
  if (!heldBecause) return "The guards would let this file pass.";
  const way = heldBecause.forcible ? "could be forced" : "cannot be forced";
  return `This file would be held (${heldBecause.code}, ${way}): ${heldBecause.message}`;
}

function cut(raw: string): string {
  // A raw row may hold line breaks and control characters.
  const text = JSON.stringify(raw).slice(1, -1);
  return text.length > RAW_SHOWN ? `${text.slice(0, RAW_SHOWN)}…` : text;
}
