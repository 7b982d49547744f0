import assert from "node:assert/strict";
import { FluentApiError, type FluentErrorCode } from "../../lib/fluent/mod.ts";
import { PartialBatchRecovery } from "../../lib/recovery/mod.ts";
import { VersoriKVAdapter } from "../../lib/state/mod.ts";
import { MemoryKeyValue } from "../state/memory_kv.ts";
import { VirtualClock } from "../virtual_clock.ts";

function setUp() {
  const clock = new VirtualClock();
  const memory = new MemoryKeyValue();
  const kv = new VersoriKVAdapter(memory);
  const recovery = new PartialBatchRecovery(undefined, { kv, clock });
  return { clock, memory, kv, recovery };
}

/** Takes batches; every record it took is counted. */
class Receiver {
  readonly calls: number[][] = [];
  readonly taken = new Map<number, number>();
  /** Called with the batch before it is taken; may throw. */
  before: (batch: number[], call: number) => void = () => {};
  readonly take = (batch: number[]): Promise<{ id: string }> => {
    this.calls.push([...batch]);
    this.before(batch, this.calls.length);
    for (const record of batch) this.taken.set(record, (this.taken.get(record) ?? 0) + 1);
    return Promise.resolve({ id: String(this.calls.length) });
  };
  get twice(): number {
    return [...this.taken.values()].filter((times) => times > 1).length;
  }
}

function fluent(
  code: FluentErrorCode,
  retry: "later" | "never",
  effect: "none" | "unknown" = "none",
  retryAfterMs?: number,
) {
  return new FluentApiError(`Fluent says ${code}`, {
    code,
    retry,
    effect,
    method: "POST",
    path: "/api/v4.1/job/1/batch",
    retryAfterMs,
  });
}

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);

Deno.test("records go out in batches of the asked size, the first call included", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  const result = await recovery.processBatchWithRecovery(numbers(250), receiver.take, {
    retryBatchSize: 100,
  });
  assert.deepEqual(receiver.calls.map((call) => call.length), [100, 100, 50]);
  assert.equal(result.successCount, 250);
  assert.equal(result.checkpointId, undefined);
  assert.equal(result.summary, "250 of 250 records delivered");
});

Deno.test("a batch that fails once is repeated, and no delivered record is sent again", async () => {
  const { recovery, clock } = setUp();
  const receiver = new Receiver();
  receiver.before = (_, call) => {
    if (call === 4) throw fluent("fluent-unavailable", "later");
  };
  const result = await recovery.processBatchWithRecovery(numbers(500), receiver.take, {
    retryBatchSize: 100,
  });
  assert.equal(result.successCount, 500);
  assert.equal(receiver.twice, 0);
  assert.equal(receiver.calls.length, 6);
  assert.deepEqual(clock.slept, [1_000]);
});

Deno.test("pauses double, and a longer Retry-After is waited for", async () => {
  const { recovery, clock } = setUp();
  const receiver = new Receiver();
  receiver.before = (_, call) => {
    if (call === 3) throw fluent("fluent-rate-limited", "later", "none", 9_000);
    if (call < 5) throw fluent("fluent-unavailable", "later");
  };
  await recovery.processBatchWithRecovery(numbers(5), receiver.take, { retryDelayMs: 100, maxRetries: 4 });
  assert.deepEqual(clock.slept, [100, 200, 9_000, 800]);
});

for (const bad of [0, 100, 249]) {
  Deno.test(`one refused record of 250 (the ${bad}th) costs itself, in at most 2·log2(n) + 1 calls`, async () => {
    const { recovery, clock } = setUp();
    const receiver = new Receiver();
    receiver.before = (batch) => {
      if (batch.includes(bad)) throw fluent("fluent-bad-request", "never");
    };
    const result = await recovery.processBatchWithRecovery(numbers(250), receiver.take, {
      retryBatchSize: 250,
    });
    assert.equal(result.successCount, 249);
    assert.deepEqual(result.failedRecords.map(({ index, record, error }) => [index, record, error.code]), [
      [bad, bad, "fluent-bad-request"],
    ]);
    assert.ok(receiver.calls.length <= 17, `${receiver.calls.length} calls`);
    assert.equal(receiver.twice, 0);
    assert.deepEqual(clock.slept, [], "a refusal is not waited for");
  });
}

Deno.test("a poison record behind an error of no known kind costs itself too", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  receiver.before = (batch) => {
    if (batch.includes(1)) throw new Error("poison");
  };
  const result = await recovery.processBatchWithRecovery(numbers(3), receiver.take);
  assert.equal(result.successCount, 2);
  assert.equal(result.failedRecords[0]?.index, 1);
  assert.equal(result.failedRecords[0]?.error.message, "poison");
  assert.equal(receiver.twice, 0);
  assert.match(JSON.stringify(result.failedRecords), /poison/, "an exported failure says why");
});

Deno.test("when everything is refused, the search for a bad record ends early", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  receiver.before = () => {
    throw fluent("fluent-bad-request", "never");
  };
  const result = await recovery.processBatchWithRecovery(numbers(250), receiver.take, {
    retryBatchSize: 250,
  });
  assert.equal(result.failedCount, 250);
  assert.ok(receiver.calls.length <= 64, `${receiver.calls.length} calls`);
});

Deno.test("refused credentials end it at once; what was not sent fails with that reason", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  receiver.before = (_, call) => {
    if (call === 2) throw fluent("fluent-unauthorised", "never");
  };
  const result = await recovery.processBatchWithRecovery(numbers(500), receiver.take, { checkpointKey: "k" });
  assert.equal(receiver.calls.length, 2);
  assert.equal(result.successCount, 100);
  assert.equal(result.failedRecords[0]?.error.code, "fluent-unauthorised");
  assert.deepEqual(result.failedRecords.map(({ attemptCount }) => attemptCount).slice(99, 101), [1, 0]);
  const resumed = await recovery.resumeFromCheckpoint(result.checkpointId, new Receiver().take);
  assert.equal(resumed.successCount, 400);
});

Deno.test("per-row answers are honoured, and only the failed rows are repeated", async () => {
  const { recovery } = setUp();
  const calls: string[][] = [];
  const rows = ["A", "B", "C"].map((skuRef) => ({ skuRef, locationRef: "L" }));
  const result = await recovery.processBatchWithRecovery(rows, (batch) => {
    calls.push(batch.map(({ skuRef }) => skuRef));
    return {
      results: batch.map(({ skuRef }) =>
        skuRef === "B"
          ? { entityRef: "L:B", responseCode: 404, message: "SKU B not found" }
          : { entityRef: `L:${skuRef}`, responseCode: 200 }
      ),
    };
  }, { maxRetries: 1, retryDelayMs: 0 });
  assert.deepEqual(calls, [["A", "B", "C"], ["B"]]);
  assert.equal(result.successCount, 2);
  assert.deepEqual(result.failedRecords[0], {
    index: 1,
    record: rows[1],
    error: { name: "Error", message: "SKU B not found", code: "fluent-404" },
    attemptCount: 2,
    timestamp: result.failedRecords[0]!.timestamp,
  });
});

Deno.test("with retryOnlyFailed: false the whole call is repeated", async () => {
  const { recovery } = setUp();
  const sizes: number[] = [];
  await recovery.processBatchWithRecovery(numbers(3), (batch) => {
    sizes.push(batch.length);
    return {
      results: batch.map((record) => ({ responseCode: record === 1 && sizes.length < 2 ? 500 : 200 })),
    };
  }, { retryOnlyFailed: false, retryDelayMs: 0 });
  assert.deepEqual(sizes, [3, 3]);
});

Deno.test("an answer that says FAILED is not a success", async () => {
  const { recovery } = setUp();
  const answer = { status: "FAILED", errors: [{ message: "no such retailer" }] };
  const result = await recovery.processBatchWithRecovery(numbers(3), () => answer, { maxRetries: 0 });
  assert.equal(result.failedCount, 3);
  assert.equal(result.failedRecords[0]?.error.message, "no such retailer");
});

Deno.test("shouldRetry decides before the first repetition", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  receiver.before = () => {
    throw fluent("fluent-unavailable", "later");
  };
  const asked: [string, number][] = [];
  const result = await recovery.processBatchWithRecovery(numbers(2), receiver.take, {
    shouldRetry: (error, attempts) => {
      asked.push([error.message, attempts]);
      return attempts < 2;
    },
  });
  assert.deepEqual(asked, [["Fluent says fluent-unavailable", 1], ["Fluent says fluent-unavailable", 2]]);
  assert.equal(receiver.calls.length, 2);
  assert.deepEqual(result.failedRecords.map(({ attemptCount }) => attemptCount), [2, 2]);
});

Deno.test("records in doubt are asked for before they are sent again", async () => {
  const { recovery } = setUp();
  const receiver = new Receiver();
  const lost = (batch: number[]) =>
    receiver.take(batch).then((answer) => {
      if (receiver.calls.length === 1) throw fluent("fluent-timeout", "later", "unknown");
      return answer;
    });
  const asked = await recovery.processBatchWithRecovery(numbers(10), lost, {
    wasDelivered: () => Promise.resolve(true),
  });
  assert.equal(receiver.calls.length, 1);
  assert.equal(asked.successCount, 10);
  assert.equal(asked.resentCount, 0);
  const other = new Receiver();
  const blind = await recovery.processBatchWithRecovery(numbers(10), async (batch) => {
    const answer = await other.take(batch);
    if (other.calls.length === 1) throw fluent("fluent-timeout", "later", "unknown");
    return answer;
  });
  assert.equal(blind.resentCount, 10);
  assert.deepEqual(other.calls[0], other.calls[1]);
});

Deno.test("another process resumes what is left, and nothing of it twice", async () => {
  const { recovery, kv, clock } = setUp();
  const receiver = new Receiver();
  let bad = true;
  receiver.before = (batch) => {
    if (bad && batch.includes(7)) throw fluent("fluent-bad-request", "never");
  };
  const first = await recovery.processBatchWithRecovery(numbers(300), receiver.take, {
    checkpointKey: "sync",
  });
  assert.equal(first.failedCount, 1);
  bad = false;
  const other = new PartialBatchRecovery(undefined, { kv, clock });
  assert.deepEqual((await other.listCheckpoints("sync")).map(({ id, remaining }) => [id, remaining]), [
    [first.checkpointId, 1],
  ]);
  const second = await other.resumeFromCheckpoint(first.checkpointId, receiver.take, { maxRetries: 5 });
  assert.equal(second.successCount, 1);
  assert.equal(second.checkpointId, undefined);
  assert.equal(receiver.taken.size, 300);
  assert.equal(receiver.twice, 0);
  await assert.rejects(other.resumeFromCheckpoint(first.checkpointId, receiver.take), {
    code: "checkpoint-not-found",
    message:
      `Cannot resume from checkpoint '${first.checkpointId}': there is none; it was never made, or all of it is ` +
      "delivered",
  });
});

Deno.test("a process that dies half-way leaves a checkpoint; at most the batch under way is sent again", async () => {
  const { recovery, kv, clock, memory } = setUp();
  const receiver = new Receiver();
  receiver.before = (_, call) => {
    if (call === 3) {
      memory.before = () => {
        throw new Error("the process is gone");
      };
    }
  };
  await assert.rejects(
    recovery.processBatchWithRecovery(numbers(500), receiver.take, { checkpointKey: "sync" }),
    { code: "kv-unavailable" },
  );
  memory.before = () => {};
  receiver.before = () => {};
  const other = new PartialBatchRecovery(undefined, { kv, clock });
  const [checkpoint] = await other.listCheckpoints();
  const result = await other.resumeFromCheckpoint(checkpoint?.id, receiver.take);
  assert.equal(result.failedCount, 0);
  assert.equal(result.resentCount, 100);
  assert.equal(receiver.taken.size, 500);
  assert.equal(receiver.twice, 100);
  assert.deepEqual(await other.listCheckpoints(), []);
});

Deno.test("records too large for one value of the store are spread over several", async () => {
  const { recovery } = setUp();
  const records = numbers(50).map((n) => ({ n, text: "x".repeat(5_000) }));
  const result = await recovery.processBatchWithRecovery(records, () => {
    throw fluent("fluent-forbidden", "never");
  }, { checkpointKey: "large" });
  assert.equal((await recovery.getCheckpoint(result.checkpointId!))?.remaining, 50);
  assert.equal(await recovery.clearCheckpoints(), 1);
  assert.equal(await recovery.deleteCheckpoint(result.checkpointId!), false);
});

for (
  const [options, message] of [
    [{ retryBatchSize: 0 }, /retryBatchSize to be a whole number from 1 to 5000, found 0/],
    [{ maxRetries: -1 }, /maxRetries to be a whole number from 0, found -1/],
    [{ retryDelayMs: NaN }, /retryDelayMs to be 0 or more, found NaN/],
    [{ checkpointKey: " " }, /checkpointKey to be a text of 1 to 200 characters/],
  ] as const
) {
  Deno.test(`options that cannot be meant are refused: ${JSON.stringify(options)}`, async () => {
    const { recovery } = setUp();
    await assert.rejects(recovery.processBatchWithRecovery([1], () => {}, options), message);
  });
}
