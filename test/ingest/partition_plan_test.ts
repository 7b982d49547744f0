import assert from "node:assert/strict";
import fc from "fast-check";
import { ceilingOf, planPartitions, rangeOf } from "../../lib/ingest/partition_plan.ts";
import { JOURNAL_WINDOW } from "../../lib/ingest/journal.ts";

const MIB = 1024 * 1024;
const settings = { partitions: 4, partitionAboveMiB: 64, partitionConcurrency: 0, sendConcurrency: 5 };

Deno.test("a file below the configured size, or with one batch, is left to its own run", () => {
  assert.equal(planPartitions({ batches: 1_000, bytes: 64 * MIB - 1 }, settings), undefined);
  assert.equal(planPartitions({ batches: 1, bytes: 64 * MIB }, settings), undefined);
  assert.equal(
    planPartitions({ batches: 1_000, bytes: 64 * MIB }, { ...settings, partitions: 1 }),
    undefined,
  );
});

Deno.test("4,000 batches go to four runs, each with journal records of its own", () => {
  assert.deepEqual(planPartitions({ batches: 4_000, bytes: 64 * MIB }, settings), {
    count: 4,
    size: 1_000,
    window: 250,
  });
});

Deno.test("runs that share the feed's ceiling are never more than it allows requests", () => {
  const file = { batches: 4_000, bytes: 64 * MIB };
  assert.equal(planPartitions(file, { ...settings, partitions: 16 })?.count, 5);
  assert.equal(planPartitions(file, { ...settings, partitions: 16, partitionConcurrency: 2 })?.count, 16);
});

Deno.test("every batch is in exactly one partition, none of which is empty or shares a journal record", () => {
  fc.assert(fc.property(
    fc.integer({ min: 2, max: 100_000 }),
    fc.integer({ min: 1, max: 16 }),
    fc.integer({ min: 1, max: 50 }),
    (batches, partitions, sendConcurrency) => {
      const plan = planPartitions({ batches, bytes: 64 * MIB }, { ...settings, partitions, sendConcurrency });
      if (!plan) return;
      assert.ok(plan.count <= partitions && plan.window <= JOURNAL_WINDOW);
      let next = 0;
      for (let number = 0; number < plan.count; number++) {
        const { from, to } = rangeOf(plan, number, batches);
        assert.equal(from, next);
        assert.ok(to > from);
        assert.equal(from % plan.window, 0);
        next = to;
      }
      assert.equal(next, batches);
    },
  ));
});

Deno.test("partitions stay below the feed's ceiling together, also those that don't know yet which others are done", () => {
  const partitions = fc.record({
    done: fc.boolean(),
    knows: fc.array(fc.boolean(), { minLength: 16, maxLength: 16 }),
  });
  fc.assert(fc.property(
    fc.integer({ min: 1, max: 50 }),
    fc.array(partitions, { minLength: 1, maxLength: 16 }),
    (sendConcurrency, all) => {
      let sum = 0;
      for (const [number, { done, knows }] of all.entries()) {
        if (done) continue;
        const open = all.keys().filter((n) => !all[n]!.done || !knows[n]).toArray();
        sum += ceilingOf({ ...settings, sendConcurrency }, open.indexOf(number), open.length);
      }
      assert.ok(sum <= sendConcurrency, `${sum} requests at once`);
    },
  ));
  const whole = [0, 1, 2].map((rank) => ceilingOf(settings, rank, 3));
  assert.deepEqual(whole, [2, 2, 1], "and use all of it");
});
