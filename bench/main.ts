/**
 * Benchmarks of the whole connector, each as a ratio within one run. `deno task bench [deliver] [memory]`.
 *
 * @module
 */
import { stockFile } from "./_files.ts";
import { type Measured, measureFiles } from "./_connector_process.ts";

const wanted = Deno.args.length > 0 ? Deno.args : ["deliver", "memory"];
const benches: Record<string, () => Promise<void>> = { deliver, memory };
for (const name of wanted) {
  const bench = benches[name];
  if (!bench) {
    console.error(`Expected ${Object.keys(benches).join(" or ")}, found '${name}'`);
    Deno.exit(2);
  }
  await bench();
}

/**
 * Deliver at 50 ms per call against the least time the calls themselves need: in a process that has just started, and
 * in one that has delivered a file before, as a container that runs all day has.
 */
async function deliver(): Promise<void> {
  const latencyMs = 50;
  const concurrency = 8;
  const small = () => stockFile(20_000);
  const large = () => stockFile(50_000);
  for (const [state, files] of [["just started", [large]], ["running", [small, large]]] as const) {
    const ratios: number[] = [];
    for (let i = 0; i < 5; i++) {
      const measured = await measureFiles(files, latencyMs, { sendConcurrency: concurrency });
      ratios.push(measured.spent["deliver"]! / (measured.batches.total / concurrency * latencyMs));
      say(
        `deliver  ${state}: 50,000 rows, ${measured.batches.total} batches, ${latencyMs} ms, ${concurrency} at once`,
        measured,
      );
    }
    console.log(`deliver  ${state}: ratio to batches / concurrency × latency: ${spread(ratios)}\n`);
  }
}

/** Peak memory of the connector's process for 2,000,000 rows against 50,000. */
async function memory(): Promise<void> {
  const ratios: number[] = [];
  for (let i = 0; i < 3; i++) {
    const small = await measureFiles([() => stockFile(50_000)], 0, {});
    say("memory   50,000 rows, Fluent at 0 ms", small);
    const large = await measureFiles([() => stockFile(2_000_000)], 0, {});
    say("memory   2,000,000 rows, Fluent at 0 ms", large);
    ratios.push(large.peakMiB / small.peakMiB);
  }
  console.log(`memory   ratio of peaks: ${spread(ratios)}\n`);
}

function say(what: string, measured: Measured): void {
  const steps = Object.entries(measured.spent).map(([step, ms]) => `${step} ${(ms / 1_000).toFixed(2)} s`)
    .join(", ");
  const { peakMiB, wallMs, rows } = measured;
  console.log(
    `${what}: ${steps}; in all ${(wallMs / 1_000).toFixed(2)} s; peak ${peakMiB.toFixed(0)} MiB; ` +
      `${rows.confirmed} confirmed`,
  );
}

function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)]!.toFixed(2);
  return `median ${at(0.5)}, least ${at(0)}, most ${at(1)}`;
}
