import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import {
  closure,
  importGraph,
  lockedId,
  npmCache,
  readConfig,
  readLock,
  splitId,
} from "../../local/package/mod.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Licences that what is deployed may have. */
const DEPLOYED = new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "0BSD"]);
/** What never leaves one's own machine may also be under a licence whose duties begin with passing it on changed. */
const LOCAL = new Set([...DEPLOYED, "MPL-2.0"]);

const manifestSchema = z.object({
  license: z.union([z.string(), z.object({ type: z.string() }).transform(({ type }) => type)]),
  scripts: z.record(z.string(), z.string()).default({}),
});

Deno.test("every package is exact, locked with its checksum, under a licence that is allowed, and runs nothing when installed", async () => {
  const { imports } = await readConfig(join(ROOT, "deno.json"));
  const wanted = Object.entries(imports).filter(([, target]) => target.startsWith("npm:"));
  // The platform's SDK comes from the platform's own registry, and is whatever it runs.
  assert.deepEqual(
    Object.keys(imports).filter((name) => !wanted.some(([known]) => known === name)),
    ["@versori/run"],
  );
  const specifiers = new Set<string>();
  for (const [name, target] of wanted) {
    const [, specifier] = /^npm:((?:@[^/]+\/)?[^/@]+@\d+\.\d+\.\d+)(?:\/|$)/.exec(target) ?? [];
    assert.ok(specifier, `${name}: ${target} is no exact version`);
    specifiers.add(specifier);
  }
  const lock = await readLock(join(ROOT, "deno.lock"), [...specifiers]);
  for (const [id, { integrity }] of Object.entries(lock.npm)) {
    assert.match(integrity ?? "", /^sha512-[A-Za-z0-9+/]{86}==$/, `${id} has no checksum in deno.lock`);
  }
  const { packages } = await importGraph(ROOT, "workflows/index.ts", ["workflows", "lib"]);
  const deployed = new Set(packages.filter(({ typesOnly }) => !typesOnly).map(({ name }) => name));
  const cache = await npmCache();
  let looked = 0;
  for (const specifier of specifiers) {
    const { name, version } = splitId(specifier);
    // Types run nowhere, and what they need goes by the Deno that checks.
    if (name.startsWith("@types/")) continue;
    const id = lockedId(lock, name, version);
    assert.ok(id, `deno.lock has ${specifier}`);
    const allowed = deployed.has(name) ? DEPLOYED : LOCAL;
    for (const part of closure(lock, [id])) {
      const { name, version } = splitId(part);
      const manifest = manifestSchema.parse(
        JSON.parse(await readFile(join(cache, "registry.npmjs.org", name, version, "package.json"), "utf8")),
      );
      assert.ok(
        allowed.has(manifest.license),
        `${part}, because of ${specifier}: licence ${manifest.license}`,
      );
      for (const script of ["preinstall", "install", "postinstall"]) {
        assert.ok(!(script in manifest.scripts), `${part}, because of ${specifier}: runs a ${script} script`);
      }
      looked++;
    }
  }
  assert.ok(looked > 100, String(looked));
});
