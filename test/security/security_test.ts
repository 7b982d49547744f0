import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { configurePlatform, type LocalPlatform, localPlatform } from "@versori/run/local";
import { parseManifest } from "../../local/setup/mod.ts";
import { main } from "../../workflows/index.ts";
import { World } from "../ingest/world.ts";

const ROOT = new URL("../../", import.meta.url);
const MANIFEST = parseManifest(await readFile(new URL("versori.yaml", ROOT), "utf8"));
const NOWHERE = "http://127.0.0.1:9";

/** The connector on the local platform, with nothing behind it: what is refused is refused before that. */
async function withConnector(
  test: (platform: LocalPlatform) => Promise<void>,
  more: { readonly options?: { readonly requestBodyTimeoutMs: number } } = {},
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "security-"));
  const connections = Object.entries(MANIFEST.systems).map(([name, { auth }]) => [
    name,
    {
      baseUrl: NOWHERE,
      auth: auth.type === "api-key"
        ? { type: "apiKey" as const, key: "right-key" }
        : auth.type === "basic-auth"
        ? { type: "basic" as const, username: "user", password: "right:password" }
        : { type: "none" as const },
    },
  ]);
  configurePlatform({
    stateDir: folder,
    port: 0,
    connections: Object.fromEntries(connections),
    variables: { s3BucketName: "stock", fluentRetailerId: 1, s3Endpoint: NOWHERE },
    log: { format: "json", write: () => undefined },
    ...more,
  });
  const platform = localPlatform(await main());
  try {
    await test(platform);
  } finally {
    await platform.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

const post = (platform: LocalPlatform, id: string, body: string) =>
  fetch(`${platform.url}/${id}`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-api-key": "right-key" },
    body,
  });

Deno.test("no webhook answers a stranger, whatever its method, and none gives a reason that helps", async () => {
  await withConnector(async (platform) => {
    for (const [id, { method }] of Object.entries(MANIFEST.webhooks)) {
      for (
        const [headers, expected] of [
          [{}, [401]],
          [{ "x-api-key": "wrong", authorization: `Basic ${btoa("user:wrong")}` }, [401, 403]],
          [{ "x-api-key": "right-ke", authorization: "Bearer right-key" }, [401, 403]],
        ] as const
      ) {
        const answer = await fetch(`${platform.url}/${id}`, {
          method: method === "all" ? "GET" : method.toUpperCase(),
          headers,
        });
        const text = await answer.text();
        assert.ok((expected as readonly number[]).includes(answer.status), `${id}: ${answer.status}`);
        assert.ok(!text.includes("right"), `${id}: ${text}`);
      }
    }
  });
});

Deno.test("a caller can name no server, file, mapping or variable: unknown fields are refused", async () => {
  await withConnector(async (platform) => {
    for (
      const field of [
        "s3Endpoint",
        "url",
        "bucket",
        "mapping",
        "fluentRetailerId",
        "s3WorkPrefix",
        "connection",
      ]
    ) {
      const answer = await post(
        platform,
        "inventory-adhoc",
        JSON.stringify({ [field]: "http://169.254.169.254/" }),
      );
      const body = await answer.json();
      assert.equal(answer.status, 400, field);
      assert.equal(answer.headers.get("content-type")?.split(";")[0], "application/problem+json");
      assert.ok(!String(body.detail).includes("169.254"), "what was sent is not repeated");
    }
  });
});

Deno.test("a body made to reach a prototype, or too large, reaches nothing", async () => {
  await withConnector(async (platform) => {
    const polluting = await post(platform, "inventory-adhoc", `{"__proto__":{"polluted":1},"maxFiles":"x"}`);
    await polluting.body?.cancel();
    assert.equal(polluting.status, 400);
    assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
    const large = await post(platform, "inventory-adhoc", JSON.stringify({ key: "k".repeat(1024 * 1024) }));
    await large.body?.cancel();
    assert.ok(large.status === 413 || large.status === 400, String(large.status));
  });
});

Deno.test("a job id is checked before it becomes part of a key, and is shown as data", async () => {
  await withConnector(async (platform) => {
    for (
      const id of ["../../secrets", "a/b", "a:b", "<script>alert(1)</script>", "x".repeat(500), "%00", ""]
    ) {
      const answer = await fetch(`${platform.url}/job-status?jobId=${encodeURIComponent(id)}`, {
        headers: { "x-api-key": "right-key" },
      });
      const text = await answer.text();
      assert.equal(answer.status, 400, id);
      assert.match(answer.headers.get("content-type") ?? "", /^application\/problem\+json/);
      assert.ok(!/\bat .*\.ts:\d+/.test(text), "no stack");
    }
    const twice = await fetch(`${platform.url}/job-status?jobId=a&jobId=b`, {
      headers: { "x-api-key": "right-key" },
    });
    await twice.body?.cancel();
    assert.equal(twice.status, 400, "a list is no id");
  });
});

Deno.test("a cell that a spreadsheet would run is inert in rejects.csv, and whole in rejects.jsonl", async () => {
  const world = new World();
  world.variables["rejectLimit"] = "90%";
  const formula = `=HYPERLINK("http://evil.example","x")`;
  const cell = `"${formula.replaceAll('"', '""')}"`;
  const { jobId } = await world.ingest(
    "a.csv",
    `sku,location,qty\nA,L,1\n${cell},L,x\n+1+cmd,L,x\n@SUM(A1),L,x\n`,
  );
  const { reports } = (await world.job(jobId)).details as {
    reports: { rejectsCsv: string; rejectsJsonl: string };
  };
  const csv = await world.text(reports.rejectsCsv);
  for (const line of csv.split("\r\n")) {
    for (const found of line.split(",")) assert.ok(!/^"?[=+@]/.test(found), line);
  }
  assert.ok((await world.text(reports.rejectsJsonl)).includes("=HYPERLINK"), "nothing is lost");
});

Deno.test("headers and cells named like parts of a prototype are data", async () => {
  const world = new World();
  const { summary } = await world.ingest(
    "a.csv",
    "__proto__,constructor,sku,location,qty\npolluted,polluted,__proto__,constructor,5\n",
  );
  assert.equal(summary.rows.read, summary.rows.sendable + summary.rows.rejected);
  assert.equal(({} as Record<string, unknown>)["polluted"], undefined);
});

Deno.test("a key that climbs is a name like any other: nothing outside of the report prefix is written", async () => {
  const world = new World();
  await world.ingest("../../etc/passwd.csv", "sku,location,qty\nA,L,1\n");
  for (const key of await world.keys("")) {
    assert.ok(/^inventory\/(archive|reports|work|incoming)\//.test(key), key);
  }
});

Deno.test("docs/security.md names tests for every threat, and each of them is there", async () => {
  const text = await readFile(new URL("docs/security.md", ROOT), "utf8");
  const threats = text.slice(text.indexOf("## Threats"), text.indexOf("## Known limits")).split(/\n(?=\*\*)/)
    .slice(1);
  assert.ok(threats.length >= 15, String(threats.length));
  for (const threat of threats) {
    const tests = [...threat.replaceAll(/\s+/g, " ").matchAll(/\[([^\]]+)\]\(\.\.\/(test\/[^)]+)\)/g)];
    assert.ok(tests.length > 0, threat);
    for (const [, name, path] of tests) {
      const source = await readFile(new URL(path!, ROOT), "utf8");
      assert.ok(source.includes(name!), `${path} has no test '${name}'`);
    }
  }
});

Deno.test("10 MB in the body get a clear 4xx from every webhook and the page, and so do hostile headers and parameters", async () => {
  await withConnector(async (platform) => {
    const credentials = { "x-api-key": "right-key", authorization: `Basic ${btoa("user:right:password")}` };
    const large = new Uint8Array(10_000_000).fill(0x78);
    for (const id of Object.keys(MANIFEST.webhooks)) {
      const ask = async (what: string, path: string, init: RequestInit) => {
        const answer = await fetch(`${platform.url}/${path}`, init);
        const text = await answer.text();
        assert.ok(answer.status >= 400 && answer.status < 500, `${what} to ${id}: ${answer.status} ${text}`);
        assert.doesNotMatch(text, /\bat .*\.ts:\d+|right-key|right:password/, `${what} to ${id}`);
        assert.ok(text.length < 20_000, `${what} to ${id} is not sent back`);
      };
      const types: Record<string, string> = {
        "inventory-payload": "text/csv",
        "jobs-dashboard": "application/x-www-form-urlencoded",
      };
      const type = types[id] ?? "application/json";
      await ask("10 MB", id, {
        method: "POST",
        headers: { ...credentials, "content-type": type },
        body: large,
      });
      const cursor = encodeURIComponent("\u0000\u202e<script>".repeat(200));
      await ask("a hostile cursor", `${id}?cursor=${cursor}&jobId=${cursor}`, {
        method: id === "job-status" || id === "jobs-dashboard" ? "GET" : "POST",
        headers: {
          ...credentials,
          "content-type": 'application/json; charset="<script>"',
          "idempotency-key": "<script>".repeat(100),
          cookie: "a=b; ".repeat(500),
          "x-forwarded-host": "evil.example",
          "content-encoding": "hostile",
        },
        ...(id === "job-status" || id === "jobs-dashboard" ? {} : { body: "{" }),
      });
    }
  });
});

Deno.test("a body that arrives too slowly gets 408 from every webhook that reads one, and from the page", async () => {
  await withConnector(async (platform) => {
    const { hostname, port } = new URL(platform.url);
    for (const [id, { method }] of Object.entries(MANIFEST.webhooks)) {
      if (method === "get") continue;
      const connection = await Deno.connect({ hostname, port: Number(port) });
      const head = `POST /${id} HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: right-key\r\n` +
        `authorization: Basic ${btoa("user:right:password")}\r\ncontent-type: application/json\r\n` +
        "content-length: 1000\r\n\r\n{";
      await connection.write(new TextEncoder().encode(head));
      const buffer = new Uint8Array(4_096);
      const length = await connection.read(buffer) ?? 0;
      assert.match(new TextDecoder().decode(buffer.subarray(0, length)), /^HTTP\/1\.1 408 /, id);
      connection.close();
    }
  }, { options: { requestBodyTimeoutMs: 150 } });
});
