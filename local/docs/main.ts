/** Writes the generated sections and pages of the documentation, and the schemas for editors. */
import { readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { PAGES } from "./pages.ts";
import { FILES, SECTIONS } from "./sections.ts";
import { withSections } from "./with_sections.ts";

const root = new URL("../../", import.meta.url);

for (const { file, render } of FILES) await update(file, render);
for (const file of new Set(SECTIONS.map((section) => section.file))) {
  await update(file, (text) => withSections(text, SECTIONS.filter((section) => section.file === file)));
}
for (const [file, make] of Object.entries(PAGES)) {
  const page = await make(fileURLToPath(root));
  await update(file, () => page);
}

async function update(file: string, change: (text: string) => string): Promise<void> {
  const url = new URL(file, root);
  const before = await readFile(url, "utf8");
  const after = change(before);
  if (after !== before) await writeFile(url, after);
  console.log(`${file}: ${after === before ? "up to date" : "written"}`);
}
