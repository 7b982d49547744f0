import type { ObjectStore } from "../s3/mod.ts";

/** The lines of a text object in UTF-8, one after the other, without their ends. */
export async function* readLines(
  store: ObjectStore,
  key: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  const { body } = await store.openFile(key, signal ? { signal } : {});
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
  if (rest) yield rest;
}
