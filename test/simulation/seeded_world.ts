import type { Call, Fault, Weather } from "./effects.ts";
import { type PlannedFile, plannedFile } from "./plan.ts";
import { pick, seeded, whole } from "./random.ts";
import { SimulatedWorld } from "./world.ts";

/** What became of one world. */
export interface WorldReport {
  readonly seed: number;
  readonly violations: readonly string[];
  readonly effects: number;
  readonly log: readonly string[];
  readonly errors: readonly string[];
}

const MINUTE = 60_000;
/** Faults happen in the first part of a world; then it must come to rest by itself. */
const TROUBLE_MS = 10 * MINUTE;
/** The schedule's distance once there are no more faults: longer than a job may be silent before it is taken for lost. */
const LATE_TRIGGER_MS = 40 * MINUTE;
const LATE_TRIGGERS = 6;

const PARTITIONS_SEED = 1_000_003;

/** Runs the world of a seed to its end and checks the promises. */
export async function runSeed(seed: number): Promise<WorldReport> {
  const random = seeded(seed);
  const slowness = pick(random, [1, 1, 5]);
  // Drawn apart, so that a world is the same with and without partitions but for them.
  const partitions = pick(seeded(seed + PARTITIONS_SEED), [1, 1, 2, 3]);
  const world: SimulatedWorld = new SimulatedWorld({
    random,
    weather: weatherOf(random, slowness, () => world.scheduler.now - world.startedAt < TROUBLE_MS),
    processes: whole(random, 1, 3),
    variables: {
      batchSize: whole(random, 2, 6),
      sendConcurrency: whole(random, 1, 4),
      sliceSeconds: pick(random, [0.5, 1, 3, 12]) * slowness,
      pollIntervalSeconds: pick(random, [1, 4, 15]),
      rejectLimit: "90%",
      partitions,
      partitionAboveMiB: 0,
      partitionConcurrency: pick(seeded(seed - PARTITIONS_SEED), [0, 1, 2]),
    },
    fluent: {
      listsBatches: random() < 0.7,
      processingMs: spread(random, pick(random, [0, 1_000, 20_000])),
    },
    staleMs: random() < 0.5 ? 0 : 200,
    conditionalPut: random() < 0.3,
    ttlMs: 5 * MINUTE,
    twice: rarely(random, pick(random, [0, 0.05, 0.2])),
    restartMs: () => whole(random, 500, 90_000),
  });
  for (const file of filesOf(random)) world.plan(file);
  const triggers = whole(random, 2, 6);
  for (let n = 0; n < triggers; n++) world.trigger(whole(random, 0, 8 * MINUTE));
  if (random() < 0.3) {
    world.deploy(whole(random, 0, 5 * MINUTE), {
      batchSize: whole(random, 2, 6),
      sendConcurrency: whole(random, 1, 4),
      sliceSeconds: pick(random, [1, 12]) * slowness,
    });
  }
  await world.scheduler.runUntil(world.startedAt + TROUBLE_MS);
  for (let n = 0; n < LATE_TRIGGERS; n++) {
    world.trigger(0);
    await world.scheduler.runUntil(world.scheduler.now + LATE_TRIGGER_MS);
  }
  await world.observer.check(world);
  const { violations, errors } = world.observer;
  return { seed, violations, errors, effects: world.effects.count, log: world.effects.log };
}

function filesOf(random: () => number): PlannedFile[] {
  const files: PlannedFile[] = [];
  const count = whole(random, 1, 4);
  for (let number = 1, at = 0; number <= count; number++) {
    // A name may come again: another version of the file, perhaps before the first was taken.
    const name = random() < 0.25 ? "again.csv" : `file-${number}.csv`;
    const last = files.at(-1);
    // Of files of the same moment, the first by name goes first.
    at += pick(random, [last && name <= last.name ? 1_000 : 0, 1_000, 20_000, 2 * MINUTE]);
    const rows = random() < 0.05 ? 0 : whole(random, 1, 30);
    files.push(plannedFile(random, { number, name, at, count: rows, flaws: pick(random, [0, 0, 0.1]) }));
  }
  return files;
}

function spread(random: () => number, most: number): () => number {
  return () => whole(random, 0, most);
}

function rarely(random: () => number, share: number): () => boolean {
  return () => random() < share;
}

/** Weather of one kind or several, as bad as the seed has it. */
function weatherOf(random: () => number, slowness: number, troubled: () => boolean): Weather {
  const share = pick(random, [0, 0.002, 0.01, 0.03]);
  const kinds: readonly Fault[] = pick(random, [
    ["die-before", "die-after"],
    ["lost-call", "lost-answer"],
    ["pause"],
    ["die-before", "die-after", "lost-call", "lost-answer", "pause"],
  ]);
  return {
    latency: ({ port }: Call) =>
      whole(random, 1, { kv: 10, store: 30, fluent: 200, queue: 10 }[port] * slowness),
    fault(call: Call): Fault | undefined {
      if (!troubled() || random() >= share) return undefined;
      const fault = pick(random, kinds);
      return !call.changes && fault === "die-after" ? "die-before" : fault;
    },
    pauseMs: () => pick(random, [3_000, 30_000, 70_000, 6 * MINUTE]),
  };
}
