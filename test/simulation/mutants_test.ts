import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { MUTANTS } from "./mutants.ts";

Deno.test("every mutant still has its place in the code, exactly once", async () => {
  for (const { name, file, find, replace } of MUTANTS) {
    const text = await readFile(new URL(`../../${file}`, import.meta.url), "utf8");
    assert.equal(text.split(find).length, 2, `${name}: '${find}' in ${file}`);
    assert.notEqual(find, replace);
  }
  assert.ok(MUTANTS.length >= 15);
});
