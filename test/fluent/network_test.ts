import assert from "node:assert/strict";
import { createClient, FluentApiError } from "../../lib/fluent/mod.ts";
import { VirtualClock } from "../virtual_clock.ts";
import { batch, CONFIG, failure } from "./_fake_fluent.ts";

/** One request as it came over the wire. */
interface Received {
  readonly method: string;
  readonly path: string;
  readonly head: string;
  readonly body: string;
}

/** Text to send back as it is, or what to do with the connection. */
type Act = string | ((connection: Deno.TcpConn) => void | Promise<void>);

/** An answer with its length, keeping the connection. */
function reply(body: string, status = "200 OK", header = ""): string {
  return `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\n${header}content-length: ${
    new TextEncoder().encode(body).length
  }\r\n\r\n${body}`;
}

/**
 * A server of bytes, so that connections can be cut where a test wants it: signs everybody in and asks `act` about the
 * rest. Only bodies with a length are understood.
 */
async function withServer(
  act: (request: Received) => Act,
  test: (server: { port: number; received: Received[]; connections: number }) => Promise<void>,
): Promise<void> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const seen = { port: listener.addr.port, received: [] as Received[], connections: 0 };
  const open = new Set<Deno.TcpConn>();
  const serving: Promise<void>[] = [];
  const serve = async (connection: Deno.TcpConn) => {
    let bytes = "";
    const chunk = new Uint8Array(65_536);
    while (true) {
      // A connection cut by the test reads as an error or as its end; both end the serving of it.
      const size = await connection.read(chunk).catch(() => null);
      if (size === null) return close(connection);
      for (const byte of chunk.subarray(0, size)) bytes += String.fromCharCode(byte);
      const end = bytes.indexOf("\r\n\r\n");
      const head = bytes.slice(0, Math.max(0, end));
      const bodyEnd = end + 4 + Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      if (end < 0 || bytes.length < bodyEnd) continue;
      const body = new TextDecoder().decode(
        Uint8Array.from(bytes.slice(end + 4, bodyEnd), (c) => c.charCodeAt(0)),
      );
      bytes = bytes.slice(bodyEnd);
      const [method = "", path = ""] = head.split(" ");
      const request = { method, path, head, body };
      const isToken = path === "/oauth/token";
      if (!isToken) seen.received.push(request);
      const answer = isToken ? reply('{"access_token":"t","expires_in":600}') : act(request);
      if (typeof answer === "string") await write(connection, answer);
      else await answer(connection);
    }
  };
  const close = (connection: Deno.TcpConn) => {
    if (open.delete(connection)) tryClose(connection);
  };
  const accepting = (async () => {
    for await (const connection of listener) {
      seen.connections++;
      open.add(connection);
      serving.push(serve(connection));
    }
  })();
  try {
    await test(seen);
  } finally {
    listener.close();
    for (const connection of open) close(connection);
    await accepting;
    await Promise.all(serving);
  }
}

async function write(connection: Deno.TcpConn, text: string): Promise<void> {
  const bytes = new TextEncoder().encode(text);
  for (let sent = 0; sent < bytes.length;) sent += await connection.write(bytes.subarray(sent));
}

/** Closes a connection that a test may have closed already. */
function tryClose(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch (error) {
    assert(error instanceof Deno.errors.BadResource);
  }
}

const clientOf = (port: number, attempts = 1, timeoutMs = 30_000) =>
  createClient({ config: { ...CONFIG, baseUrl: `http://127.0.0.1:${port}`, timeoutMs } }, {
    attempts,
    clock: new VirtualClock(),
  });

Deno.test("a job and a batch arrive whole with their length, and refused ones leave no connection behind", async () => {
  let refuse = false;
  await withServer(
    () =>
      refuse ? reply(JSON.stringify({ message: "x".repeat(100_000) }), "400 Bad Request") : reply('{"id":1}'),
    async (server) => {
      const client = clientOf(server.port);
      const job = await client.createJob({ name: "Lager Zürich 库存" });
      await client.sendBatch(job.id, batch(250));
      refuse = true;
      for (let i = 0; i < 20; i++) await failure(client.sendBatch(job.id, batch()));
      const [first, second] = server.received;
      assert.equal(JSON.parse(first!.body).name, "Lager Zürich 库存");
      assert.match(first!.head, /content-type: application\/json\r\n/i);
      assert.match(first!.head, /authorization: Bearer t\r\n/i);
      assert.equal(JSON.parse(second!.body).entities.length, 250);
      assert.equal(server.received.length, 22);
      assert.equal(server.connections, 1);
    },
  );
});

Deno.test("nobody listening: the error names host and port, and nothing can have happened", async () => {
  let free = 0;
  await withServer(() => "", (server) => Promise.resolve(void (free = server.port)));
  const error = await failure(clientOf(free).createJob({ name: "n" }));
  assert(error instanceof FluentApiError);
  assert.equal(
    error.message,
    `Cannot sign in to Fluent: POST /oauth/token could not reach 127.0.0.1:${free} (connection refused); ` +
      "check the base URL and the network",
  );
  assert.deepEqual([error.code, error.retry, error.effect], ["fluent-unreachable", "later", "none"]);
});

Deno.test("a pooled connection cut after a batch has arrived: it may have been taken, and nobody sends it again", async () => {
  await withServer(
    () => (connection) => connection.close(),
    async (server) => {
      const error = await failure(clientOf(server.port, 4).sendBatch("199", batch()));
      assert(error instanceof FluentApiError);
      assert.match(
        error.message,
        /^Cannot send a batch to Fluent job 199: POST \/api\/v4\.1\/job\/199\/batch lost the connection to 127\.0\.0\.1:\d+ \(.+\); it may have taken effect$/,
      );
      assert.deepEqual([error.code, error.retry, error.effect], ["fluent-unreachable", "later", "unknown"]);
      assert.equal(server.received.length, 1); // neither by us nor by the runtime's own retry
    },
  );
});

Deno.test("a connection cut in the middle of an answer is a lost connection, not half an answer", async () => {
  await withServer(
    () => async (connection) => {
      await write(connection, 'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"jobId":"199"');
      connection.close();
    },
    async (server) => {
      const error = await failure(clientOf(server.port).getJob("199"));
      assert(error instanceof FluentApiError);
      assert.equal(error.code, "fluent-unreachable");
      assert.match(error.message, /lost the connection to 127\.0\.0\.1:\d+/);
    },
  );
});

Deno.test("a read over a connection that is cut once gets its answer from the next one", async () => {
  let cut = true;
  await withServer(
    () => {
      if (!cut) return reply('{"jobId":"199","status":"OPEN"}');
      cut = false;
      return (connection) => connection.close();
    },
    async (server) => {
      assert.equal((await clientOf(server.port, 4).getJob("199")).status, "OPEN");
      assert.equal(server.received.length, 2);
    },
  );
});

Deno.test("a redirect is not followed, so no token goes elsewhere and no POST becomes a GET", async () => {
  await withServer(
    () => reply("", "302 Found", "location: /elsewhere\r\n"),
    async (server) => {
      const error = await failure(clientOf(server.port).createJob({ name: "n" }));
      assert(error instanceof FluentApiError);
      assert.equal(error.status, 302);
      assert.deepEqual(server.received.map(({ method, path }) => `${method} ${path}`), [
        "POST /api/v4.1/job",
      ]);
    },
  );
});

Deno.test("a server that never answers is left at the timeout, its connection closed", async () => {
  let heard = (_hungUp: boolean) => {};
  const hungUp = new Promise<boolean>((resolve) => heard = resolve);
  await withServer(
    () => async (connection) => {
      const end = connection.read(new Uint8Array(1));
      heard(await end.then((size) => size === null, (error) => error instanceof Deno.errors.ConnectionReset));
    },
    async (server) => {
      const error = await failure(clientOf(server.port, 1, 200).getJob("199"));
      assert(error instanceof FluentApiError);
      assert.equal(error.code, "fluent-timeout");
      assert.match(error.message, /had no answer from 127\.0\.0\.1:\d+ within 200 ms$/);
      assert.equal(await hungUp, true);
    },
  );
});
