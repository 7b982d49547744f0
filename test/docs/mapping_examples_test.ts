/** The examples of docs/mapping.md are run, so that nobody copies one that doesn't work. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { loadMapping, loadMappingTests, runMappingTests } from "../../lib/mapping/mod.ts";

const text = await readFile(new URL("../../docs/mapping.md", import.meta.url), "utf8");
const blocks = [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)].map(([, language, code]) => ({
  language: language!,
  code: code!,
}));
const json = blocks.filter(({ language }) => language === "json").map(({ code }) => code);

Deno.test("the mapping of docs/mapping.md passes the tests of docs/mapping.md", async () => {
  assert.equal(json.length, 2);
  const mapping = loadMapping(json[0]!, "docs/mapping.md");
  const tests = loadMappingTests(json[1]!, "docs/mapping.md");
  assert.equal(tests.mapping, `${mapping.name}.json`);
  const { outcomes, passed } = await runMappingTests(mapping, tests);
  assert.deepEqual(outcomes.filter(({ ok }) => !ok), []);
  assert.equal(passed, 3);
});

Deno.test("a misspelt resolver is told as docs/mapping.md says", () => {
  const told = blocks.find(({ code }) => code.startsWith("at /fields/qty/resolver"))!.code.trim();
  assert.throws(
    () => loadMapping(json[0]!.replace("sdk.parseInt", "sdk.parseInteger"), "german"),
    (error) => (error as Error).message.includes(told),
  );
});

Deno.test("the code of docs/mapping.md prints what docs/mapping.md says", async () => {
  const at = blocks.findIndex(({ language }) => language === "ts");
  const lib = new URL("../../lib/", import.meta.url).href;
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", config, blocks[at]!.code.replaceAll('"../lib/', `"${lib}`)],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(new TextDecoder().decode(stdout), blocks[at + 1]!.code, new TextDecoder().decode(stderr));
});
