import { KeyIndex } from "../lib/ingest/key_index.ts";
import { measureFiles } from "./_connector_process.ts";
import { stockFile } from "./_files.ts";

/** `BENCH_ROWS` makes a quick try of it. */
const ROWS = Number(Deno.env.get("BENCH_ROWS") ?? 10_000_000);
const SMALL = 50_000;

/** Inspecting a large file (a dry run): time, slices and all, and the largest memory of the connector's process. */
export async function bench(): Promise<void> {
  const index = new KeyIndex(Math.random);
  const startedAt = performance.now();
  for (let i = 0; i < ROWS; i++) index.put(`WAREHOUSE-${i % 7}SKU-${i}`, i + 2, i + 2);
  const spent = (performance.now() - startedAt) / 1_000;
  console.log(
    `inspect  key index of ${ROWS} keys, never told how many there will be: ${mib(index.bytes)} MiB, ${
      spent.toFixed(1)
    } s`,
  );
  for (const rows of [SMALL, ROWS]) {
    const { peakMiB, spent, rows: { read } } = await measureFiles([() => stockFile(rows)], 0, {}, {
      dryRun: true,
    });
    const seconds = spent["inspect"]! / 1_000;
    console.log(
      `inspect  ${read} rows: ${seconds.toFixed(1)} s, ${(read / seconds / 1_000).toFixed(0)}k rows/s; peak ${
        peakMiB.toFixed(0)
      } MiB`,
    );
  }
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}
