import assert from "node:assert/strict";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { importGraph, packageJson, pin, readConfig, writePackage } from "../../local/package/mod.ts";
import { ROOT, run, uploaded } from "./_image.ts";

async function inFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "package-"));
  try {
    await test(folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("the package is what the entry reaches, and the project files; nothing of local/, test/ or bench/", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out");
    const written = await writePackage(ROOT, out);
    assert.deepEqual(
      written.files.filter((file) => !file.startsWith("src/lib/") && !file.startsWith("src/workflows/")),
      [
        ".gitignore",
        "package.json",
        "src/index.ts",
        ...(await readdir(join(ROOT, "mappings"))).map((name) => `src/mappings/${name}`).sort(),
        "tsconfig.json",
      ],
    );
    for (const file of ["src/workflows/index.ts", "src/lib/ingest/run.ts", "src/mappings/inventory.json"]) {
      assert.ok(written.files.includes(file), file);
    }
    for (const file of written.files) {
      const text = await readFile(join(out, file), "utf8");
      assert.ok(!/["'](\.\.\/)+(local|test|bench)\//.test(text), `${file} leads out of what is deployed`);
      assert.ok(!/\bjsr:|https:\/\/deno\.land/.test(text), `${file} names a module by URL`);
    }
  });
});

Deno.test("every import below src/ leads to a file of the package or a package of package.json", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out");
    const { files } = await writePackage(ROOT, out);
    const { dependencies } = JSON.parse(await readFile(join(out, "package.json"), "utf8"));
    for (const file of files.filter((name) => /\.tsx?$/.test(name))) {
      const text = await readFile(join(out, file), "utf8");
      for (const [, specifier] of text.matchAll(/^(?:import|export)\b[^;]*?\bfrom "([^"]+)";/gms)) {
        if (specifier!.startsWith(".")) {
          assert.ok(files.includes(join(dirname(file), specifier!)), `${file} imports ${specifier}`);
        } else if (!specifier!.startsWith("node:")) {
          assert.ok(
            Object.hasOwn(dependencies, /^(@[^/]+\/)?[^/]+/.exec(specifier!)![0]),
            `${file} imports ${specifier}`,
          );
        }
      }
    }
  });
});

Deno.test("versions are exact, and those of deno.json", async () => {
  await inFolder(async (folder) => {
    const { packages } = await writePackage(ROOT, folder);
    const { dependencies } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    const { imports } = await readConfig(join(ROOT, "deno.json"));
    assert.deepEqual(Object.keys(dependencies), packages.map(({ name }) => name));
    for (const [name, version] of Object.entries<string>(dependencies)) {
      assert.match(version, /^\d+\.\d+\.\d+$/, name);
      assert.equal(imports[name]!.replace("^", "").replace(/^(npm|jsr):/, ""), `${name}@${version}`);
    }
    assert.equal(dependencies["@versori/run"], "0.6.3");
    assert.equal(dependencies["commander"], undefined, "what only the commands use is not deployed");
  });
});

Deno.test("heavy packages are loaded where they are used, not at the start", async () => {
  const { packages } = await importGraph(ROOT, "workflows/index.ts", ["workflows", "lib"]);
  const atStart = packages.filter(({ lazy }) => !lazy).map(({ name }) => name);
  for (const heavy of ["@aws-sdk/client-s3", "undici", "@zip.js/zip.js", "hono", "d3-scale", "d3-shape"]) {
    assert.ok(packages.some(({ name }) => name === heavy), `${heavy} is deployed`);
    assert.ok(!atStart.includes(heavy), atStart.join(", "));
  }
});

Deno.test("all that is installed is weighed", async () => {
  await inFolder(async (folder) => {
    const { packages, totalWeight, totalParts } = await writePackage(ROOT, folder);
    for (const { name, weight } of packages) {
      if (name === "@versori/run") assert.equal(weight, undefined);
      else assert.ok(weight! > 1_000, name);
    }
    assert.ok(totalParts > packages.length);
    assert.ok(totalWeight! < packages.reduce((sum, { weight }) => sum + (weight ?? 0), 0) + 1);
    assert.ok(totalWeight! < 40e6, `${totalWeight} bytes of packages`);
  });
});

Deno.test("the CLI uploads the package and nothing that lies beside it", async () => {
  await inFolder(async (folder) => {
    const { files } = await writePackage(ROOT, folder);
    for (
      const stray of [
        "node_modules/zod/index.js",
        ".env",
        ".env.local",
        "production.env",
        ".versori",
        "versori-research/notes.md",
        "deno.lock",
        "src/debug.log",
        "dist/index.js",
        ".git/config",
      ]
    ) {
      await mkdir(join(folder, stray, ".."), { recursive: true });
      await writeFile(join(folder, stray), "secret");
    }
    assert.deepEqual(await uploaded(folder), files.filter((file) => file !== ".gitignore"));
  });
});

Deno.test("an earlier package is replaced, and a folder that holds something else is not touched", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out");
    await writePackage(ROOT, out);
    await writeFile(join(out, "src/old.ts"), "");
    await writePackage(ROOT, out);
    await assert.rejects(readFile(join(out, "src/old.ts")), { code: "ENOENT" });

    await writeFile(join(folder, "mine.txt"), "precious");
    await assert.rejects(writePackage(ROOT, folder), {
      name: "PackageError",
      message: `Cannot write the package into '${folder}': it holds something else; name another folder`,
    });
    assert.equal(await readFile(join(folder, "mine.txt"), "utf8"), "precious");
  });
});

/** A project of a few files. */
async function project(folder: string, files: Record<string, string>): Promise<string> {
  const imports = {
    zod: "npm:zod@4.6.7",
    loose: "npm:zod",
    renamed: "npm:zod@4.6.7",
    "@versori/run": "jsr:@versori/run@^0.6.3",
  };
  for (
    const [file, text] of Object.entries({
      "deno.json": JSON.stringify({ version: "1.0.0", imports }),
      ...files,
    })
  ) {
    await mkdir(dirname(join(folder, file)), { recursive: true });
    await writeFile(join(folder, file), text);
  }
  return folder;
}

const reach = (folder: string) => importGraph(folder, "workflows/index.ts", ["workflows", "lib"]);

Deno.test("the walk follows static, dynamic, type and re-exporting imports, and no others", async () => {
  await inFolder(async (folder) => {
    await project(folder, {
      "workflows/index.ts": `
        import { a } from "../lib/a.ts"; import type { B } from "../lib/b.ts"; export * from "../lib/c.ts";
        const d = () => import("../lib/d.ts"); console.log(a, d, {} as B);
        const text = 'import "../lib/not_this.ts"';`,
      "lib/a.ts": `import { z } from "zod"; export const a = z;`,
      "lib/b.ts": `export interface B { readonly b: 1 }`,
      "lib/c.ts": `export const c = new URL("../mappings/", import.meta.url);`,
      "lib/d.ts": `import { x } from "renamed"; export const d = x;`,
      "lib/not_this.ts": "",
      "mappings/one.json": "{}",
    });
    assert.deepEqual(await reach(folder), {
      files: ["lib/a.ts", "lib/b.ts", "lib/c.ts", "lib/d.ts", "mappings/one.json", "workflows/index.ts"],
      packages: [{ name: "renamed", lazy: true, typesOnly: false }, {
        name: "zod",
        lazy: false,
        typesOnly: false,
      }],
    });
  });
});

for (
  const [what, files, message] of [
    [
      "code that reaches a module outside of what is deployed",
      { "workflows/index.ts": `import "../local/tool.ts";`, "local/tool.ts": "" },
      "Cannot package 'local/tool.ts': what is deployed lies in workflows, lib, and may not use others",
    ],
    [
      "code that imports a file that is not there",
      { "workflows/index.ts": `import "./missing.ts";` },
      "Cannot package 'workflows/missing.ts': Deno could not read it",
    ],
    [
      "code that reads a file that is not there",
      { "workflows/index.ts": `export const text = new URL("../lib/gone.txt", import.meta.url);` },
      "Cannot package 'workflows/index.ts': it reads '../lib/gone.txt', which doesn't exist",
    ],
  ] as const
) {
  Deno.test(`${what} is not packaged`, async () => {
    await inFolder(async (folder) => {
      await project(folder, { ...files });
      await assert.rejects(reach(folder), { message });
    });
  });
}

Deno.test("a package without a version, or without a place in the import map, is refused", async () => {
  await inFolder(async (folder) => {
    const config = await readConfig(join(await project(folder, {}), "deno.json"));
    const use = (name: string) => pin([{ name, lazy: false, typesOnly: false }], config);
    assert.throws(() => use("loose"), { message: "Cannot package 'loose': expected a version in 'npm:zod'" });
    assert.throws(() => use("strange"), {
      message: "Cannot package 'strange': deno.json's imports don't name it",
    });
    assert.match(packageJson(use("renamed"), config), /"renamed": "npm:zod@4\.6\.7"/);
  });
});

Deno.test("deno task package says what it wrote, what it weighs and what to type next", async () => {
  await inFolder(async (folder) => {
    const out = join(folder, "out");
    const said = await run(Deno.execPath(), ["task", "--quiet", "package", "--out", out], ROOT);
    assert.match(said, /^Wrote \d+ files, [\d.]+ MB, into /);
    assert.match(said, /All packages together, each counted once: \d+ packages, [\d.]+ MB/);
    assert.match(
      said,
      /versori projects deploy --project "\$VERSORI_PROJECT" --directory \S+out --environment/,
    );
    await rm(join(out, "package.json"));
    await assert.rejects(
      run(Deno.execPath(), ["task", "--quiet", "package", "--out", out], ROOT),
      /holds something else/,
    );
  });
});
