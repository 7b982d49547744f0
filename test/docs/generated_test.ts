import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { FILES, SECTIONS, withSections } from "../../local/docs/mod.ts";

const read = (file: string) => readFile(new URL(`../../${file}`, import.meta.url), "utf8");

for (const section of SECTIONS) {
  Deno.test(`'${section.name}' in ${section.file} is what the code says`, async () => {
    const text = await read(section.file);
    assert.equal(text, withSections(text, [section]), "out of date: run deno task docs");
  });
}

for (const { file, render } of FILES) {
  Deno.test(`${file} is what the code says`, async () => {
    assert.deepEqual(JSON.parse(await read(file)), JSON.parse(render()), "out of date: run deno task docs");
  });
}

Deno.test("a section that has no place in its document is an error", () => {
  const section = { file: "x.md", name: "n", render: () => "new" };
  const text = "a\n<!-- generated: n -->\n\nold\n\n<!-- end of n -->\nb";
  assert.equal(withSections(text, [section]), text.replace("old", "new"));
  assert.throws(() => withSections("a", [section]), /x\.md has no place for 'n'/);
});
