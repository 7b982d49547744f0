import assert from "node:assert/strict";
import { readdir, readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { PAGES } from "../../../local/docs/pages.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const { tasks } = JSON.parse(await readFile(join(ROOT, "deno.json"), "utf8")) as {
  tasks: Record<string, string>;
};

/** Every document of the project, by path. */
async function documents(): Promise<Map<string, string>> {
  const paths = ["README.md", "bench/README.md", "local/versori_run/README.md"];
  for (const name of await readdir(join(ROOT, "docs"))) if (name.endsWith(".md")) paths.push(`docs/${name}`);
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(join(ROOT, path), "utf8")] as const)),
  );
}

/** The anchor GitHub makes of a heading. */
function anchorOf(heading: string): string {
  return heading.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s/g, "-");
}

for (const [path, make] of Object.entries(PAGES)) {
  Deno.test(`${path} is what the code says today; otherwise run deno task docs`, async () => {
    assert.equal(await readFile(join(ROOT, path), "utf8"), await make(ROOT));
  });
}

Deno.test("every relative link of the documents leads somewhere", async () => {
  const texts = await documents();
  for (const [path, text] of texts) {
    for (const [, target] of text.replace(/```.*?```/gs, "").matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [file, anchor] = target!.split("#");
      const full = file === "" ? path : join(dirname(path), file!);
      await assert.doesNotReject(stat(join(ROOT, full)), `${path} links to ${target}`);
      if (anchor !== undefined && full.endsWith(".md")) {
        const linked = texts.get(full) ?? await readFile(join(ROOT, full), "utf8");
        const anchors = [...linked.matchAll(/^#+ (.*)$/gm)].map(([, heading]) => anchorOf(heading!));
        assert.ok(anchors.includes(anchor), `${path} links to ${target}`);
      }
    }
  }
});

Deno.test("every deno task the documents name exists", async () => {
  for (const [path, text] of await documents()) {
    for (const [, task] of text.matchAll(/deno(?:@[\d.]+)? task (?:-q |--quiet )?([a-z][a-z-]*)/g)) {
      assert.ok(task! in tasks, `${path}: deno task ${task}`);
    }
  }
});

Deno.test("the commands' options in the documents are options of theirs", async () => {
  const reference = await readFile(join(ROOT, "docs/reference.md"), "utf8");
  // A command that has commands of its own is known by all their options.
  const help = new Map<string, string>();
  for (const [text, name] of reference.matchAll(/^Usage: fluent-inventory ([a-z]+)[^`]*/gm)) {
    help.set(name!, (help.get(name!) ?? "") + text);
  }
  for (const [path, text] of await documents()) {
    for (const [, block] of text.matchAll(/```sh\n(.*?)```/gs)) {
      for (const line of block!.replaceAll("\\\n", " ").split("\n")) {
        const [, task] = /deno(?:@[\d.]+)? task ([a-z]+)/.exec(line) ?? [];
        const known = task === undefined ? undefined : help.get(task);
        if (known === undefined) continue;
        for (const [option] of line.replace(/\s#.*/, "").matchAll(/(?<=\s)--[a-z0-9-]+/g)) {
          assert.ok(known.includes(option), `${path}: ${line.trim()}`);
        }
      }
    }
  }
});
