/**
 * A Fluent Commerce server for one's own machine: OAuth tokens and the Batch API for inventory, with the stock that
 * arrived, faults and latency on request.
 *
 * @module
 */
export {
  type CloneableFluentServerOptions,
  type EntityFailureCode,
  type FluentCredentials,
} from "./options.ts";
export { type FluentServerOptions, type LatencyByCall, localFluentCredentials } from "./options.ts";
export { type Fault, type FaultKind, type FaultMatch } from "./faults.ts";
export { type BatchInfo, type FluentServer, type JobInfo, type RequestCounts } from "./fluent_server.ts";
export { startFluentServer, type StockRow } from "./fluent_server.ts";
export { type FluentWorker, startFluentInWorker } from "./worker.ts";
