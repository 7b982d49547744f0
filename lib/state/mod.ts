/**
 * What the connector remembers between runs: the file ledger, claims and the order of a feed, over the platform's
 * key-value store.
 *
 * @module
 */
export { type KVEntry, type KVPage, type KVStore, type PlatformKeyValue, StateError } from "./kv.ts";
export { MemoryKVStore } from "./memory_kv_store.ts";
export { decodeSegment, encodeSegment, MAX_VALUE_CHARS, VersoriKVAdapter } from "./versori_kv_adapter.ts";
export { parseRecord, readRecord } from "./record.ts";
export { fileId, type IngestFile, ingestFileSchema } from "./file_identity.ts";
export { type FileAside, type FileCopy, fileCopySchema, FilesAside } from "./files_aside.ts";
export { Sightings } from "./sightings.ts";
export { type LedgerEntry, type LedgerPage, StateService } from "./state_service.ts";
export { type Acquired, Claim, Claims, type ClaimTimes, type Owner } from "./claims.ts";
export { type Fence, type FenceHolder, ObjectFence } from "./fence.ts";
export { comesBefore, FeedQueue, type Ordered, type Place, timeOf } from "./feed_queue.ts";
export { type FeedFile, FeedHistory, type FeedRecord } from "./feed_history.ts";
