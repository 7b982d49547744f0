import assert from "node:assert/strict";
import type { Fault } from "./effects.ts";
import { plannedFile } from "./plan.ts";
import { seeded } from "./random.ts";
import { SimulatedWorld } from "./world.ts";

const MINUTE = 60_000;
/** Batches sent at once. */
const IN_FLIGHT = 2;
/** Where Fluent can't be asked: those that were under way, and those whose acceptance was about to be written. */
const IN_DOUBT = 2 * IN_FLIGHT;

/** A job of 7 batches with rejects, superseded and failed rows, polls and an archive; the n-th effect goes wrong. */
async function worldWithFault(
  n: number,
  fault: Fault,
  options: { conditionalPut: boolean; listsBatches: boolean; variables?: Record<string, unknown> },
): Promise<{ world: SimulatedWorld; happened: boolean }> {
  let happened = false;
  const world = new SimulatedWorld({
    random: seeded(1),
    weather: {
      latency: () => 10,
      fault: (_call, effect) => {
        if (effect === 0 || effect !== n || happened) return undefined;
        happened = true;
        return fault;
      },
      pauseMs: () => 6 * MINUTE,
    },
    processes: 1,
    variables: {
      batchSize: 4,
      sendConcurrency: IN_FLIGHT,
      pollIntervalSeconds: 1,
      rejectLimit: "50%",
      ...options.variables,
    },
    fluent: { listsBatches: options.listsBatches, processingMs: () => 1_500 },
    staleMs: 0,
    conditionalPut: options.conditionalPut,
    ttlMs: 5 * MINUTE,
    twice: () => false,
    restartMs: () => 1_000,
  });
  const file = plannedFile(seeded(3), { number: 1, name: "stock.csv", at: 0, count: 30, flaws: 0.1 });
  world.plan(file);
  world.trigger(1_000);
  world.trigger(45 * MINUTE);
  world.trigger(90 * MINUTE);
  await world.scheduler.runUntil(world.startedAt + 150 * MINUTE);
  await world.observer.check(world);
  return { world, happened };
}

Deno.test("the job that is crashed has 7 batches, rejects, superseded and failed rows", async () => {
  const { world } = await worldWithFault(0, "die-before", { conditionalPut: false, listsBatches: true });
  assert.deepEqual(world.observer.violations, []);
  assert.equal(world.fluent.batches.length, 7);
  const { rejected, superseded, unknown } = world.observer.arrived[0]!.file;
  assert.ok(rejected > 0 && superseded > 0 && unknown > 0);
});

for (const fault of ["die-before", "die-after", "lost-call", "lost-answer", "pause"] as const) {
  for (const conditionalPut of [false, true]) {
    const store = conditionalPut ? "a store with conditional puts" : "a plain store";
    Deno.test(`effectively once: '${fault}' at every single effect, on ${store}`, async () => {
      let happened = true;
      let n = 0;
      while (happened) {
        n++;
        const listsBatches = n % 2 === 0;
        const run = await worldWithFault(n, fault, { conditionalPut, listsBatches });
        happened = run.happened;
        const { violations } = run.world.observer;
        const at = run.world.effects.log.find((line) => / (died|lost|paused)/.test(line)) ?? "";
        assert.deepEqual(violations, [], `'${fault}' at effect ${n}: ${at}`);
        const sentAgain = run.world.fluent.batches.length - 7;
        const most = listsBatches ? 0 : IN_DOUBT;
        assert.ok(sentAgain <= most, `${sentAgain} batches sent again after '${fault}' at ${n}: ${at}`);
      }
      assert.ok(n > 50, `only ${n - 1} effects were found`);
    });
  }
}

for (const fault of ["die-after", "lost-answer", "pause"] as const) {
  Deno.test(`effectively once: '${fault}' at every single effect of a file that two runs deliver`, async () => {
    const variables = { partitions: 2, partitionAboveMiB: 0 };
    let happened = true;
    let n = 0;
    while (happened) {
      n++;
      const run = await worldWithFault(n, fault, {
        conditionalPut: true,
        listsBatches: n % 2 === 0,
        variables,
      });
      happened = run.happened;
      const at = run.world.effects.log.find((line) => / (died|lost|paused)/.test(line)) ?? "";
      assert.deepEqual(run.world.observer.violations, [], `'${fault}' at effect ${n}: ${at}`);
      const sentAgain = run.world.fluent.batches.length - 7;
      const most = n % 2 === 0 ? 0 : IN_DOUBT;
      assert.ok(sentAgain <= most, `${sentAgain} batches sent again after '${fault}' at ${n}: ${at}`);
    }
    assert.ok(n > 80, `only ${n - 1} effects were found`);
  });
}
