/** What an editor makes of mapping.schema.json, asked of the language service that VS Code uses. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { getLanguageService, TextDocument } from "vscode-json-languageservice";
import { mappingJsonSchema, SDK_RESOLVERS } from "../../lib/mapping/mod.ts";

const service = getLanguageService({});
service.configure({
  schemas: [{ uri: "mapping.schema.json", fileMatch: ["*"], schema: mappingJsonSchema() }],
});

function opened(text: string) {
  const at = text.indexOf("▮");
  const document = TextDocument.create("file:///m.json", "json", 1, text.replace("▮", ""));
  return {
    document,
    position: document.positionAt(Math.max(at, 0)),
    json: service.parseJSONDocument(document),
  };
}

/** What is offered at ▮, and what is said of each. */
async function completions(text: string): Promise<Map<string, string>> {
  const { document, position, json } = opened(text);
  const list = await service.doComplete(document, position, json);
  return new Map(
    list?.items.map(({ label, documentation }) => {
      const said = typeof documentation === "string" ? documentation : documentation?.value ?? "";
      return [label.replace(/^"|"$/g, ""), said];
    }),
  );
}

async function problems(text: string): Promise<string[]> {
  const { document, json } = opened(text);
  return (await service.doValidation(document, json, undefined, mappingJsonSchema())).map(({ message }) =>
    String(message)
  );
}

const KEYS = {
  file: ["$schema", "name", "version", "description", "entityType", "key", "columns", "fields"],
  column: ["aliases", "required"],
  field: ["source", "value", "resolver", "options", "required", "defaultValue", "fields", "isArray"],
};

for (
  const [what, text, keys] of [
    ["a mapping", "{ ▮ }", KEYS.file],
    ["a column", '{ "columns": { "sku": { ▮ } } }', KEYS.column],
    ["a field", '{ "fields": { "skuRef": { ▮ } } }', KEYS.field],
    ["a nested field", '{ "fields": { "a": { "fields": { "b": { ▮ } } } } }', KEYS.field],
  ] as const
) {
  Deno.test(`an editor completes and explains every key of ${what}`, async () => {
    const offered = await completions(text);
    assert.deepEqual([...offered.keys()].sort(), [...keys].sort());
    for (const [key, said] of offered) assert.ok(said.length > 10, `${key} is explained`);
  });
}

Deno.test("an editor completes every resolver, and says what it does and refuses", async () => {
  const offered = await completions('{ "fields": { "qty": { "resolver": ▮ } } }');
  for (const name of SDK_RESOLVERS.keys()) assert.match(offered.get(name) ?? "", /.{10,} Refuses: ./, name);
});

Deno.test("an editor completes and explains the options of the resolver that is chosen", async () => {
  for (const [name, { options }] of SDK_RESOLVERS) {
    const offered = await completions(`{ "fields": { "f": { "resolver": "${name}", "options": { ▮ } } } }`);
    assert.deepEqual([...offered.keys()].sort(), Object.keys(options.shape).sort(), name);
    for (const [option, said] of offered) assert.ok(said.length > 10, `${option} of ${name} is explained`);
  }
  const separators = await completions(
    '{ "fields": { "f": { "resolver": "sdk.parseInt", "options": { "thousands": ▮ } } } }',
  );
  assert.ok(separators.has(",") && separators.has("."));
});

Deno.test("an editor explains every key of the shipped mapping where the pointer rests on it, and finds nothing wrong", async () => {
  const text = (await readFile(new URL("../../mappings/inventory.json", import.meta.url), "utf8"))
    // It names the schema's file, which is not there in this service.
    .replace(/"\$schema": .*/, "");
  const { document, json } = opened(text);
  for (const key of Object.values(KEYS).flat()) {
    const at = text.indexOf(`"${key}":`);
    if (at < 0) continue;
    const hover = await service.doHover(document, document.positionAt(at + 2), json);
    assert.ok(JSON.stringify(hover?.contents ?? "").length > 15, `${key} is explained`);
  }
  assert.deepEqual(await problems(text), []);
});

Deno.test("an editor marks what the code refuses", async () => {
  const fields = (field: unknown) =>
    JSON.stringify({ name: "n", version: "1", entityType: "INVENTORY", key: ["a"], fields: { a: field } });
  assert.deepEqual(await problems(fields({ source: "a", resolver: "custom.own", options: { any: 1 } })), []);
  for (
    const wrong of [
      { sorce: "a" },
      { source: "a", resolver: "sdk.parseInteger" },
      { source: "a", resolver: "sdk.parseInt", options: { minimum: 0 } },
      { source: "a", resolver: "sdk.parseInt", options: { thousands: ";" } },
      { source: "a", resolver: "sdk.identity", options: { x: 1 } },
      { source: 5 },
    ]
  ) assert.ok((await problems(fields(wrong))).length > 0, JSON.stringify(wrong));
});
