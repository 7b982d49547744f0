import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { rowsOf, Site } from "./_site.ts";

/** The curl commands of a document, as they stand in its shell blocks. */
function commandsOf(text: string): string[] {
  return [...text.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.split(/\n(?=curl )/))
    .map((command) => command.trim()).filter((command) => command.startsWith("curl "));
}

/** What curl would send. */
function callOf(command: string) {
  const words = [...command.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, a, b, c]) => a ?? b ?? c ?? "");
  const call = {
    method: "GET",
    url: "",
    headers: {} as Record<string, string>,
    body: undefined as string | undefined,
  };
  for (let at = 1; at < words.length; at++) {
    const word = words[at]!;
    if (word === "-X") call.method = words[++at]!;
    else if (word === "-d") call.body = words[++at]!;
    else if (word === "-H") {
      const [name, value] = words[++at]!.split(": ");
      call.headers[name!] = value!;
    } else call.url = word;
  }
  return call;
}

Deno.test("every example of the history's document works as it stands there", async () => {
  await using site = await Site.open();
  const { jobId } = await site.ingest("stock.csv", rowsOf(40, ["UNKNOWN-1,LOC-1,5"]));
  const text = await readFile(new URL("../../docs/history.md", import.meta.url), "utf8");
  const commands = commandsOf(text);
  assert.ok(commands.length >= 11, String(commands.length));
  for (const command of commands) {
    const filled = command.replaceAll("$URL/", "").replaceAll("$KEY", site.stack.apiKey).replaceAll(
      "$JOB",
      jobId,
    );
    const { method, url, headers, body } = callOf(filled);
    const { status, text } = await site.call(url, {
      method,
      headers,
      ...(body === undefined ? {} : { body }),
    });
    assert.ok(status === 200 || status === 202, `${command}\n${status} ${text}`);
  }
});
