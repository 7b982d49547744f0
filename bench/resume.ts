import { type Asked, type BenchSite, type Connector, type Measured, openSite } from "./_connector_process.ts";
import { stockFile } from "./_files.ts";

/** `BENCH_ROWS` makes a quick try of it. */
const ROWS = Number(Deno.env.get("BENCH_ROWS") ?? 1_000_000);
const LATENCY_MS = 200;
/** Requests at once: what may be in flight when a process dies. */
const AT_ONCE = 5;
/** What is wanted: the most a resume may cost of the wall time. */
const WANTED = 0.02;

type Run = Omit<Measured, "peakMiB"> & { readonly stock: string };

/**
 * What resuming costs. Three deliveries of the same file: in slices of 60 s; in slices of 2 s, so that it is cut and
 * resumed thirty times as often; and in slices of 20 s once left alone and once killed (SIGKILL) half-way, with another
 * process there to go on.
 */
export async function bench(): Promise<void> {
  const long = await delivered(60, undefined);
  const short = await delivered(2, undefined);
  say("slices of 2 s against slices of 60 s", short, long);
  const alone = await delivered(20, undefined);
  const killed = await delivered(20, 0.5);
  say("killed once, against left alone, slices of 20 s", killed, alone, ` (wanted: ${WANTED * 100} %)`);
  const wantedMs = (killed.wallMs - alone.wallMs) / WANTED;
  console.log(
    `resume   one kill cost ${seconds(killed.wallMs - alone.wallMs)}, which is ${
      WANTED * 100
    } % of a job of ` +
      `${seconds(Math.max(0, wantedMs))}\n`,
  );
}

/** @param killAt which share of the batches is sent when the process at work is killed; undefined: it is left alone */
async function delivered(sliceSeconds: number, killAt: number | undefined): Promise<Run> {
  await using site = await openSite(LATENCY_MS, { sendConcurrency: AT_ONCE, sliceSeconds });
  const worker = await site.start();
  const job = await site.ask(worker, "stock.csv", stockFile(ROWS));
  const last = killAt === undefined ? worker : await kill(site, worker, job, killAt);
  return { ...await job.done(last), stock: await site.stock() };
}

/** Kills the process once so much is sent; another one was started a moment before, while the first had the run. */
async function kill(site: BenchSite, worker: Connector, job: Asked, at: number): Promise<Connector> {
  while (true) {
    const { batches: { sent, total }, stage } = await job.now(worker);
    if (stage === "deliver" && total > 0 && sent >= total * at) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  const heir = await site.start();
  await worker.kill();
  return heir;
}

function say(what: string, run: Run, base: Run, wanted = ""): void {
  const more = run.wallMs / base.wallMs - 1;
  const { sent, resent } = run.batches;
  console.log(
    `resume   ${what}, ${ROWS} rows, ${LATENCY_MS} ms, ${AT_ONCE} at once: ${seconds(run.wallMs)} against ` +
      `${seconds(base.wallMs)}, ${(more * 100).toFixed(1)} % more${wanted}; ${resent} of ` +
      `${sent} batches sent again (wanted: at most ${AT_ONCE}); the stock is ` +
      (run.stock === base.stock ? "the same" : "ANOTHER"),
  );
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2)} s`;
}
