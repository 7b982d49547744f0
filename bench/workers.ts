import { type Asked, type Connector, openSite } from "./_connector_process.ts";
import { stockFile } from "./_files.ts";

/** `BENCH_ROWS` makes a quick try of it. */
const ROWS = Number(Deno.env.get("BENCH_ROWS") ?? 1_000_000);
const LATENCY_MS = 200;
/** Requests each run may have under way: few, so that what limits one process is the waiting for answers. */
const AT_ONCE = 5;
const PARTITIONS = 4;
const WORKERS = [1, 2, 4];

/**
 * One file on 1, 2 and 4 processes: it is delivered by four durable runs, of which a process works on one at a time. Its
 * delivery, from the first batch to the last, against that of one process; the stock at the end has to be the same.
 */
export async function bench(): Promise<void> {
  let alone: { readonly ms: number; readonly stock: string } | undefined;
  for (const workers of WORKERS) {
    const { ms, stock, batches } = await delivered(workers);
    alone ??= { ms, stock };
    const least = batches.total / (AT_ONCE * workers) * LATENCY_MS;
    const times = alone.ms / ms;
    console.log(
      `workers  ${workers} of them, ${ROWS} rows, ${batches.total} batches, ${LATENCY_MS} ms, ${AT_ONCE} at once in ` +
        `each: ${seconds(ms)} (the calls alone: ${seconds(least)}); ${
          times.toFixed(2)
        } times as fast as one, ` +
        `${
          (100 * times / workers).toFixed(0)
        } % of linear; ${batches.resent} batches sent again; the stock is ` +
        (stock === alone.stock ? "the same" : "ANOTHER"),
    );
  }
}

async function delivered(workers: number) {
  await using site = await openSite(LATENCY_MS, {
    sendConcurrency: AT_ONCE,
    partitions: PARTITIONS,
    partitionConcurrency: AT_ONCE,
    partitionAboveMiB: 0,
    s3ConditionalPut: "yes",
  });
  const connectors: Connector[] = [];
  while (connectors.length < workers) connectors.push(await site.start());
  const [first] = connectors;
  if (!first) throw new Error("There is no process");
  const job = await site.ask(first, "stock.csv", stockFile(ROWS));
  const ms = await deliveryOf(job, first);
  const { batches } = await job.done(first);
  return { ms, batches, stock: await site.stock() };
}

/** Milliseconds from the first sight of delivering until every batch is sent. */
async function deliveryOf(job: Asked, connector: Connector): Promise<number> {
  let begun: number | undefined;
  while (true) {
    const { stage, batches: { sent, total } } = await job.now(connector);
    if (stage === "deliver") begun ??= performance.now();
    if (begun !== undefined && sent === total) return performance.now() - begun;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
