import type { ObjectStore } from "../s3/mod.ts";
import type { KVStore } from "../state/mod.ts";
import type { FluentPort, IngestPorts } from "./ports.ts";

/**
 * The ports of a slice, so that nothing is changed anywhere unless the slice's claim was seen to be its own a moment
 * ago: a process that stood still, and wakes up when another has taken over, asks before its next effect and stops.
 *
 * @param trusted resolves at once while the claim is trusted, and otherwise when it was seen again; throws when it is lost
 */
export function guardedPorts(ports: IngestPorts, trusted: () => Promise<void>): IngestPorts {
  return {
    ...ports,
    kv: guardedStore(ports.kv, trusted),
    store: guardedObjects(ports.store, trusted),
    fluent: (...memory) => guardedFluent(ports.fluent(...memory), trusted),
    ...(ports.startPartition ? { startPartition: guardedStart(ports.startPartition, trusted) } : {}),
  };
}

function guardedStart(
  start: NonNullable<IngestPorts["startPartition"]>,
  trusted: () => Promise<void>,
): NonNullable<IngestPorts["startPartition"]> {
  return async (request) => {
    await trusted();
    await start(request);
  };
}

function guardedStore(kv: KVStore, trusted: () => Promise<void>): KVStore {
  return {
    get: (key) => kv.get(key),
    list: (prefix) => kv.list(prefix),
    page: (prefix, after) => kv.page(prefix, after),
    count: (prefix) => kv.count(prefix),
    async set(key, value) {
      await trusted();
      await kv.set(key, value);
    },
    async delete(key) {
      await trusted();
      await kv.delete(key);
    },
  };
}

function guardedObjects(store: ObjectStore, trusted: () => Promise<void>): ObjectStore {
  return {
    bucket: store.bucket,
    capabilities: store.capabilities,
    listObjects: (options) => store.listObjects(options),
    statFile: (key, options) => store.statFile(key, options),
    openFile: (key, options) => store.openFile(key, options),
    async uploadFile(key, body, options) {
      await trusted();
      return await store.uploadFile(key, body, options);
    },
    async copyFile(from, to, options) {
      await trusted();
      return await store.copyFile(from, to, options);
    },
    async deleteFile(key, options) {
      await trusted();
      await store.deleteFile(key, options);
    },
    async moveFile(from, to, options) {
      await trusted();
      return await store.moveFile(from, to, options);
    },
  };
}

function guardedFluent(fluent: FluentPort, trusted: () => Promise<void>): FluentPort {
  return {
    getJob: (...request) => fluent.getJob(...request),
    getBatch: (...request) => fluent.getBatch(...request),
    getBatchResults: (...request) => fluent.getBatchResults(...request),
    async createJob(...request) {
      await trusted();
      return await fluent.createJob(...request);
    },
    async sendBatch(...request) {
      await trusted();
      return await fluent.sendBatch(...request);
    },
  };
}
