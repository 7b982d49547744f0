import { bareRatio } from "./_bare_client.ts";
import { sayMeasured, spread } from "./_say.ts";
import { stockFile } from "./_files.ts";
import { measureFiles, openSite } from "./_connector_process.ts";

/** Milliseconds per call, requests at once, and repetitions: more of the short ones. */
const CASES = [[50, 5, 5], [50, 8, 7], [50, 20, 7], [200, 5, 3], [200, 8, 3], [200, 20, 5]] as const;
const ROWS = 50_000;
const ROWS_PER_BATCH = 250;
/** Files delivered before the first that counts, so that the code is compiled, as in a container that runs all day. */
const WARM_UP = 3;

/**
 * Deliver against the least time the calls themselves need (batches / requests at once × latency): from 200 batches on,
 * in a process that has delivered files before; for 50 ms and 8 at once also in one that has just started, and with 1,000
 * batches. Beside each, what a bare loop of `fetch` needs here.
 */
export async function bench(): Promise<void> {
  await measureStarted(50, 8, 5);
  for (const [latencyMs, concurrency, times] of CASES) {
    await measureRunning(latencyMs, concurrency, times, ROWS);
    const bare: number[] = [];
    for (let i = 0; i < times; i++) bare.push(await bareRatio(latencyMs, concurrency, ROWS / ROWS_PER_BATCH));
    console.log(
      `deliver  ${latencyMs} ms, ${concurrency} at once: ratio of a bare loop of fetch: ${spread(bare)}\n`,
    );
  }
  for (const concurrency of [8, 20]) await measureRunning(50, concurrency, 3, 5 * ROWS);
}

/** The first file of a process. */
async function measureStarted(latencyMs: number, concurrency: number, times: number): Promise<void> {
  const what = `just started, ${latencyMs} ms, ${concurrency} at once`;
  const ratios: number[] = [];
  for (let i = 0; i < times; i++) {
    const measured = await measureFiles([() => stockFile(ROWS)], latencyMs, { sendConcurrency: concurrency });
    ratios.push(ratioOf(measured, latencyMs, concurrency));
    sayMeasured(`deliver  ${what}: ${measured.batches.total} batches`, measured);
  }
  console.log(`deliver  ${what}: ratio to batches / concurrency × latency: ${spread(ratios)}\n`);
}

/**
 * Files of one process, each longer than the one before, because what is the same again is not delivered: by as many
 * batches as go at once, so that the last ones leave no place empty.
 */
async function measureRunning(
  latencyMs: number,
  concurrency: number,
  times: number,
  rows: number,
): Promise<void> {
  const what = `running, ${latencyMs} ms, ${concurrency} at once`;
  await using site = await openSite(latencyMs, { sendConcurrency: concurrency });
  const connector = await site.start();
  const ratios: number[] = [];
  for (let i = 0; i < WARM_UP + times; i++) {
    const size = (i < WARM_UP ? ROWS : rows) + i * concurrency * ROWS_PER_BATCH;
    const job = await site.ask(connector, `file-${i}.csv`, stockFile(size));
    const measured = await job.done(connector);
    if (i < WARM_UP) continue;
    ratios.push(ratioOf(measured, latencyMs, concurrency));
    console.log(`deliver  ${what}: ${measured.batches.total} batches in ${measured.spent["deliver"]} ms`);
  }
  console.log(`deliver  ${what}: ratio to batches / concurrency × latency: ${spread(ratios)}\n`);
}

function ratioOf(
  { spent, batches }: Pick<Awaited<ReturnType<typeof measureFiles>>, "spent" | "batches">,
  latencyMs: number,
  concurrency: number,
): number {
  return spent["deliver"]! / (batches.total / concurrency * latencyMs);
}
