import { sayMeasured, spread } from "./_say.ts";
import { stockFile } from "./_files.ts";
import { measureFiles } from "./_connector_process.ts";

/**
 * Deliver at 50 ms per call against the least time the calls themselves need: in a process that has just started, and
 * in one that has delivered a file before, as a container that runs all day has.
 */
export async function bench(): Promise<void> {
  const latencyMs = 50;
  const concurrency = 8;
  const small = () => stockFile(20_000);
  const large = () => stockFile(50_000);
  for (const [state, files] of [["just started", [large]], ["running", [small, large]]] as const) {
    const ratios: number[] = [];
    for (let i = 0; i < 5; i++) {
      const measured = await measureFiles(files, latencyMs, { sendConcurrency: concurrency });
      ratios.push(measured.spent["deliver"]! / (measured.batches.total / concurrency * latencyMs));
      sayMeasured(
        `deliver  ${state}: 50,000 rows, ${measured.batches.total} batches, ${latencyMs} ms, ${concurrency} at once`,
        measured,
      );
    }
    console.log(`deliver  ${state}: ratio to batches / concurrency × latency: ${spread(ratios)}\n`);
  }
}
