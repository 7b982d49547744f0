import { sayMeasured, spread } from "./_say.ts";
import { stockFile } from "./_files.ts";
import { measureFiles } from "./_connector_process.ts";

/** Peak memory of the connector's process for 2,000,000 rows against 50,000. */
export async function bench(): Promise<void> {
  const ratios: number[] = [];
  for (let i = 0; i < 3; i++) {
    const small = await measureFiles([() => stockFile(50_000)], 0, {});
    sayMeasured("memory   50,000 rows, Fluent at 0 ms", small);
    const large = await measureFiles([() => stockFile(2_000_000)], 0, {});
    sayMeasured("memory   2,000,000 rows, Fluent at 0 ms", large);
    ratios.push(large.peakMiB / small.peakMiB);
  }
  console.log(`memory   ratio of peaks: ${spread(ratios)}\n`);
}
