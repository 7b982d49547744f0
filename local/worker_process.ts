/**
 * One more process of the connector, on a state folder that another one serves: it takes durable runs and nothing else.
 * Its configuration comes as JSON on standard input, which stays open as long as it is wanted: it holds credentials, and
 * whoever started it may die.
 *
 * @module
 */
import { configurePlatform, localPlatform, type PlatformConfig } from "@versori/run/local";
import { main } from "../workflows/index.ts";

const lines = Deno.stdin.readable.pipeThrough(new TextDecoderStream()).getReader();
let config = "";
while (!config.includes("\n")) {
  const { done, value } = await lines.read();
  if (done) Deno.exit(1);
  config += value;
}
configurePlatform(JSON.parse(config) as PlatformConfig);
const platform = localPlatform(await main());
// Ctrl-C reaches the whole group; when this process ends is for the one that started it to say.
Deno.addSignalListener("SIGINT", () => {});
console.log("started");
while (!(await lines.read()).done);
await platform.stop();
Deno.exit(0);
