import assert from "node:assert/strict";
import { configurePlatform, localPlatform } from "@versori/run/local";
import { durable, http, webhook } from "@versori/run";

/** A server that answers one request on a connection and drops the next one unanswered; counts what arrives. */
function droppingServer() {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const arrived: string[] = [];
  const serve = async (connection: Deno.Conn) => {
    const buffer = new Uint8Array(64 * 1024);
    for (let n = 0;; n++) {
      const read = await connection.read(buffer).catch(() => null);
      if (read === null) break;
      arrived.push(new TextDecoder().decode(buffer.subarray(0, read)));
      if (n === 1) break;
      await connection.write(new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"));
    }
    connection.close();
  };
  const serving = (async () => {
    const open: Promise<void>[] = [];
    for await (const connection of listener) open.push(serve(connection));
    await Promise.all(open);
  })();
  return {
    url: `http://127.0.0.1:${(listener.addr as Deno.NetAddr).port}`,
    arrived,
    async stop() {
      listener.close();
      await serving;
    },
  };
}

Deno.test("a POST through a connection goes out as often as the workflow sends it, whatever breaks", async () => {
  const server = droppingServer();
  const stateDir = await Deno.makeTempDir();
  configurePlatform({
    stateDir,
    port: 0,
    connections: { shop: { baseUrl: server.url, auth: { type: "none" } } },
    log: { level: "error", write: () => {} },
  });
  const interpreter = await durable.DurableInterpreter.newInstance();
  interpreter.register(
    webhook("post-twice").then(http("post", { connection: "shop" }, async (ctx) => {
      const post = () => ctx.fetch("/orders", { method: "POST", body: '{"order":1}' });
      const first = await post();
      await first.text();
      return await post().then(() => "answered", () => "lost");
    })),
  );
  await interpreter.start();
  const platform = localPlatform(interpreter);
  try {
    const answer = await fetch(`${platform.url}/post-twice`, { method: "POST" });
    assert.equal(await answer.json(), "lost");
    assert.equal(server.arrived.filter((request) => request.includes('{"order":1}')).length, 2);
  } finally {
    await platform.stop();
    await server.stop();
    await Deno.remove(stateDir, { recursive: true });
  }
});
