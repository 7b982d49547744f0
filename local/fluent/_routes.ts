import type { LatencyByCall } from "./options.ts";

/** The endpoints, as the counters name them. */
export type Endpoint = "token" | "createJob" | "sendBatch" | "getJob" | "getBatch" | "unknown";

/** What a request asks for. */
export interface Call {
  readonly endpoint: Endpoint;
  readonly isApi: boolean;
  readonly ids: readonly string[];
  readonly latency?: keyof LatencyByCall;
}

/** Finds the endpoint of a method and path. */
export function route(method: string, path: string): Call {
  if (method === "POST" && path === "/oauth/token") {
    return { endpoint: "token", isApi: false, ids: [], latency: "token" };
  }
  const isApi = path === "/api" || path.startsWith("/api/");
  const parts = /^\/api\/v4\.1\/job(?:\/([^/]+)(\/batch(?:\/([^/]+))?)?)?$/.exec(path);
  if (parts !== null) {
    const [, jobId, batch, batchId] = parts;
    const ids = [jobId, batchId].filter((id) => id !== undefined);
    if (method === "POST" && jobId === undefined) {
      return { endpoint: "createJob", isApi, ids, latency: "job" };
    }
    if (method === "POST" && batch === "/batch") {
      return { endpoint: "sendBatch", isApi, ids, latency: "batch" };
    }
    if (method === "GET" && batchId !== undefined) {
      return { endpoint: "getBatch", isApi, ids, latency: "read" };
    }
    if (method === "GET" && jobId !== undefined && batch === undefined) {
      return { endpoint: "getJob", isApi, ids, latency: "read" };
    }
  }
  return { endpoint: "unknown", isApi, ids: [] };
}
