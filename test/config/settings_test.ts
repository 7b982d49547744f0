import assert from "node:assert/strict";
import { parse } from "yaml";
import { readSettings, VARIABLE_NAMES } from "../../lib/config/mod.ts";

const manifest = parse(await Deno.readTextFile(new URL("../../versori.yaml", import.meta.url)));
const required = { s3BucketName: "stock", fluentRetailerId: "1" };

function read(variables: Record<string, unknown>) {
  return readSettings((name) => variables[name]);
}

Deno.test("versori.yaml declares exactly the variables the code reads", () => {
  assert.deepEqual(Object.keys(manifest.variables).sort(), [...VARIABLE_NAMES].sort());
  for (const [name, variable] of Object.entries<Record<string, unknown>>(manifest.variables)) {
    assert.match(String(variable["type"]), /^(string|integer|number|object)$/, name);
    assert.equal(typeof variable["description"], "string", name);
    assert.ok("default" in variable || variable["required"] === true, `${name} has a default or is required`);
  }
});

Deno.test("the defaults in versori.yaml are the ones the code takes", () => {
  const declared: Record<string, unknown> = { ...required };
  for (const [name, variable] of Object.entries<Record<string, unknown>>(manifest.variables)) {
    if ("default" in variable) declared[name] = variable["default"];
  }
  assert.deepEqual(read(declared), read(required));
});

Deno.test("every missing variable is named at once", () => {
  assert.throws(() => read({}), {
    name: "ConfigError",
    message: "Cannot read the configuration: variable 's3BucketName' is missing; set it on the activation; " +
      "variable 'fluentRetailerId' is missing; set it on the activation",
  });
});

Deno.test("numbers are taken as numbers and as text", () => {
  assert.equal(read({ ...required, batchSize: "250" }).batchSize, 250);
  assert.equal(read({ ...required, batchSize: 250 }).batchSize, 250);
  assert.equal(read({ ...required, fluentRetailerId: 42 }).fluentRetailerId, "42");
  assert.equal(read({ ...required, pollIntervalSeconds: "0.5" }).pollIntervalSeconds, 0.5);
});

for (
  const [name, value] of [
    ["batchSize", 5001],
    ["batchSize", "12abc"],
    ["sendConcurrency", 0],
    ["fluentRetailerId", "my-retailer"],
    ["s3Endpoint", "not a url"],
    ["s3Prefix", "/incoming"],
    ["s3ArchivePrefix", "inventory/incoming/done/"],
    ["fluentPreprocessing", "perhaps"],
    ["rejectLimit", "five"],
    ["fileTime", "%H%M"],
    ["heldFiles", "delete"],
  ] as const
) {
  Deno.test(`a wrong ${name} (${value}) is refused by name`, () => {
    assert.throws(
      () => read({ ...required, [name]: value }),
      (error: Error) => error.name === "ConfigError" && error.message.includes(`'${name}'`),
    );
  });
}

Deno.test("the reject limit is a percentage or a count", () => {
  assert.deepEqual(read({ ...required, rejectLimit: "2.5%" }).rejectLimit, { kind: "percent", value: 2.5 });
  assert.deepEqual(read({ ...required, rejectLimit: "100" }).rejectLimit, { kind: "count", value: 100 });
  assert.deepEqual(read({ ...required, rejectLimit: 0 }).rejectLimit, { kind: "count", value: 0 });
});
