import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { localFluentCredentials } from "../local/fluent/mod.ts";
import { spawn } from "./_spawn.ts";

const ROWS_PER_BATCH = 250;
const answer = z.object({ id: z.union([z.string(), z.number()]) });

/**
 * What this machine and its Fluent server allow: so many batches with nothing but `fetch`, their bodies written
 * beforehand, as a ratio to batches / concurrency × latency. The second of two runs counts.
 */
export async function bareRatio(latencyMs: number, concurrency: number, batches: number): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "bench-"));
  const servers = spawn("./_servers.ts", [folder, String(latencyMs)], {}, "stdout");
  try {
    const { fluent } = JSON.parse(await servers.seen(/\{.*\}/)) as { fluent: string };
    const token = await signIn(fluent);
    await sendAll(fluent, token, concurrency, batches);
    const tookMs = await sendAll(fluent, token, concurrency, batches);
    return tookMs / (batches / concurrency * latencyMs);
  } finally {
    await servers.kill();
    await rm(folder, { recursive: true, force: true });
  }
}

async function sendAll(url: string, token: string, concurrency: number, batches: number): Promise<number> {
  const post = async (path: string, body: string) => {
    const response = await fetch(`${url}${path}`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`Fluent answered ${response.status}: ${text.slice(0, 200)}`);
    return answer.parse(JSON.parse(text)).id;
  };
  const bodies = Array.from({ length: batches }, (_, batch) => batchBody(batch));
  const job = await post("/api/v4.1/job", JSON.stringify({ name: "bench", retailerId: "1" }));
  const startedAt = performance.now();
  await Promise.all(Array.from({ length: concurrency }, async () => {
    for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
      await post(`/api/v4.1/job/${job}/batch`, body);
    }
  }));
  return performance.now() - startedAt;
}

function batchBody(batch: number): string {
  return JSON.stringify({
    action: "UPSERT",
    entityType: "INVENTORY",
    source: "bench",
    event: "InventoryChanged",
    entities: Array.from({ length: ROWS_PER_BATCH }, (_, row) => ({
      locationRef: `LOC-${row % 40}`,
      skuRef: `SKU-${batch * ROWS_PER_BATCH + row}`,
      qty: row,
      retailerId: 1,
      type: "LAST_ON_HAND",
      status: "ACTIVE",
    })),
  });
}

async function signIn(url: string): Promise<string> {
  const { clientId, clientSecret, username, password } = localFluentCredentials;
  const response = await fetch(`${url}/oauth/token`, {
    method: "POST",
    body: new URLSearchParams({
      grant_type: "password",
      client_id: clientId,
      client_secret: clientSecret,
      username,
      password,
    }),
  });
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token;
}
