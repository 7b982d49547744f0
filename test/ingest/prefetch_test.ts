import assert from "node:assert/strict";
import { Prefetch } from "../../lib/ingest/prefetch.ts";

async function* numbers(
  count: number,
  made: number[] = [],
  onEnd = () => {},
): AsyncGenerator<number, void, void> {
  try {
    for (let i = 0; i < count; i++) {
      made.push(i);
      yield await Promise.resolve(i);
    }
  } finally {
    onEnd();
  }
}

Deno.test("everything comes once and in order, to any number of askers", async () => {
  const prefetch = new Prefetch(numbers(100), 4);
  const got: number[] = [];
  await Promise.all(Array.from({ length: 7 }, async () => {
    for (let item = await prefetch.next(); item !== undefined; item = await prefetch.next()) got.push(item);
  }));
  await prefetch.close();
  assert.deepEqual(got, Array.from({ length: 100 }, (_, i) => i));
});

Deno.test("no more is made than may lie ready", async () => {
  const made: number[] = [];
  const prefetch = new Prefetch(numbers(100, made), 3);
  assert.equal(await prefetch.next(), 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.ok(made.length <= 5, `${made.length} made`);
  await prefetch.close();
});

Deno.test("closing early ends the source, and whoever still asks gets nothing", async () => {
  let ended = false;
  const prefetch = new Prefetch(numbers(100, [], () => ended = true), 2);
  assert.equal(await prefetch.next(), 0);
  await prefetch.close();
  assert.equal(ended, true);
});

Deno.test("an error of the source reaches the one who asks", async () => {
  const failing = async function* () {
    yield await Promise.resolve(1);
    throw new Error("source broke");
  };
  const prefetch = new Prefetch<number>(failing(), 5);
  assert.equal(await prefetch.next(), 1);
  await assert.rejects(prefetch.next(), { message: "source broke" });
  await prefetch.close();
});
