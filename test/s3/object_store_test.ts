import { VirtualClock } from "../virtual_clock.ts";
import { startFauxqsBucket } from "./fauxqs_store.ts";
import { MemoryObjectStore } from "./memory_object_store.ts";
import { testObjectStore } from "./object_store_conformance.ts";

for (const conditionalPut of [false, true]) {
  testObjectStore(`memory store${conditionalPut ? " with conditional put" : ""}`, () => {
    const store = new MemoryObjectStore({ clock: new VirtualClock(), conditionalPut });
    return Promise.resolve({ store, close: () => Promise.resolve() });
  });
}

testObjectStore("S3DataSource on fauxqs", async () => {
  const bucket = await startFauxqsBucket();
  return { store: bucket.source(), close: () => bucket.close() };
});
