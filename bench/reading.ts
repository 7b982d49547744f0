import { parse } from "csv-parse/sync";
import { CSVParserService, CsvReader, RFC_4180 } from "../lib/csv/mod.ts";
import { stockFile } from "./_files.ts";
import { spread } from "./_say.ts";

/** `BENCH_ROWS` makes a quick try of it. */
const ROWS = Number(Deno.env.get("BENCH_ROWS") ?? 500_000);
const RUNS = 5;
/** As a stream from S3 gives them. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Reading with physical lines, byte offsets and rejects, against csv-parse's fastest way to objects (`columns: true`, its
 * synchronous parser, the whole file at once); the same file in one process, taking turns.
 */
export async function bench(): Promise<void> {
  const file = await whole();
  const ways: Readonly<Record<string, () => number | Promise<number>>> = {
    "csv-parse, objects": () => (parse(file, { columns: true }) as unknown[]).length,
    "reader, cells with places": readCells,
    "CSVParserService, objects with places and raw text": readObjects,
  };
  const times: Record<string, number[]> = {};
  for (let run = 0; run <= RUNS; run++) {
    for (const [name, way] of Object.entries(ways)) {
      const startedAt = performance.now();
      const rows = await way();
      const spent = performance.now() - startedAt;
      if (rows !== ROWS) throw new Error(`${name}: expected ${ROWS} rows, found ${rows}`);
      // The first round warms up.
      if (run > 0) (times[name] ??= []).push(spent);
    }
  }
  const [theirs, ...ours] = Object.keys(ways);
  for (const [name, spent] of Object.entries(times)) {
    const median = [...spent].sort((a, b) => a - b)[Math.floor(spent.length / 2)]!;
    const rate = (file.length / 1e6 / (median / 1_000)).toFixed(0);
    console.log(`reading  ${ROWS} rows, ${name}: ${median.toFixed(0)} ms, ${rate} MB/s`);
  }
  for (const name of ours) {
    const ratios = times[name]!.map((spent, i) => times[theirs!]![i]! / spent);
    console.log(`reading  csv-parse's time / ${name}: ${spread(ratios)}`);
  }

  function readCells(): number {
    const reader = new CsvReader({ dialect: RFC_4180, expectedColumns: 7 });
    let rows = -1;
    const count = (items: ReturnType<CsvReader["push"]>) => {
      for (const item of items) if (item.kind === "record") rows++;
    };
    for (let at = 0; at < file.length; at += CHUNK_BYTES) {
      count(reader.push(file.subarray(at, at + CHUNK_BYTES)));
    }
    count(reader.end());
    return rows;
  }

  async function readObjects(): Promise<number> {
    function* chunks() {
      for (let at = 0; at < file.length; at += CHUNK_BYTES) yield file.subarray(at, at + CHUNK_BYTES);
    }
    let rows = 0;
    for await (const item of new CSVParserService().streamParse(chunks())) if (item.kind === "row") rows++;
    return rows;
  }
}

async function whole(): Promise<Uint8Array> {
  const chunks: Uint8Array<ArrayBuffer>[] = [];
  for await (const chunk of stockFile(ROWS)) chunks.push(new Uint8Array(chunk));
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}
