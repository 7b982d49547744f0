import { bareRatio } from "./_bare_client.ts";
import { sayMeasured, spread } from "./_say.ts";
import { stockFile } from "./_files.ts";
import { measureFiles } from "./_connector_process.ts";

/** Milliseconds per call, requests at once, and repetitions: more of the short ones. */
const CASES = [[50, 5, 3], [50, 8, 5], [50, 20, 5], [200, 5, 2], [200, 8, 2], [200, 20, 3]] as const;

/**
 * Deliver against the least time the calls themselves need (batches / requests at once × latency): 50,000 rows, 200
 * batches, in a process that has delivered a file before, as a container that runs all day has; for 50 ms and 8 at once
 * also in one that has just started, and with 1,000 batches. Beside each, what a bare loop of `fetch` needs here.
 */
export async function bench(): Promise<void> {
  const small = () => stockFile(20_000);
  const large = () => stockFile(50_000);
  await measure("just started", [large], 50, 8, 5);
  for (const [latencyMs, concurrency, times] of CASES) {
    await measure("running", [small, large], latencyMs, concurrency, times);
    const bare: number[] = [];
    for (let i = 0; i < times; i++) bare.push(await bareRatio(latencyMs, concurrency, 200));
    console.log(
      `deliver  ${latencyMs} ms, ${concurrency} at once: ratio of a bare loop of fetch: ${spread(bare)}\n`,
    );
  }
  await measure("running, 1,000 batches", [small, () => stockFile(250_000)], 50, 8, 3);
}

async function measure(
  state: string,
  files: Parameters<typeof measureFiles>[0],
  latencyMs: number,
  concurrency: number,
  times: number,
): Promise<void> {
  const what = `${state}, ${latencyMs} ms, ${concurrency} at once`;
  const ratios: number[] = [];
  for (let i = 0; i < times; i++) {
    const measured = await measureFiles(files, latencyMs, { sendConcurrency: concurrency });
    ratios.push(measured.spent["deliver"]! / (measured.batches.total / concurrency * latencyMs));
    sayMeasured(`deliver  ${what}: ${measured.batches.total} batches`, measured);
  }
  console.log(`deliver  ${what}: ratio to batches / concurrency × latency: ${spread(ratios)}\n`);
}
