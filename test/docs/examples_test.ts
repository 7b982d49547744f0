/** Every command and example of the documents is run, as a reader would type it, or says why not. */
import assert from "node:assert/strict";
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { PLATFORM_DENO } from "../../local/package/mod.ts";
import { startStack } from "../../local/stack.ts";
import { rowsOf, Site } from "../workflows/_site.ts";
import { type Block, blocksOf, documents, ROOT } from "./_blocks.ts";
import { Desk, realCurl } from "./_desk.ts";

/** What surrounds the commands of one document. */
interface Scene {
  /** What stands for what the reader has of their own, beside what every reader has. */
  readonly values?: Readonly<Record<string, string>>;
  /** Exit codes other than 0, by the command's beginning. */
  readonly codes?: Readonly<Record<string, number>>;
  /** What the document says of what is shown. */
  readonly said?: (said: string) => void | Promise<void>;
  /** Ends what the scene has started. */
  readonly close?: () => Promise<void>;
}

/** Documents with commands; what a command needs that the reader has, or has done before. */
const SCENES: Readonly<Record<string, (desk: Desk) => Scene | Promise<Scene>>> = {
  "README.md": async (desk) => {
    await desk.store.uploadFile("stock/today.csv", "sku,location,qty\nSKU-1,LOC-1,5\n");
    const shown = (await blocksOf("README.md")).find(({ language }) => language === "text")!.code;
    return {
      said: (said) => {
        const rows = (text: string) =>
          text.split("\n").filter((line) => line.startsWith("│ stock-")).map((line) =>
            line.split("│").slice(1, -2).map((cell) => cell.trim()).join("|")
          ).sort();
        assert.equal(rows(shown).length, 3);
        assert.deepEqual(rows(said), rows(shown), "the summary is what README.md shows");
        assert.equal(desk.fluent.stock().get("SKU-1\u0000LOC-1"), 5);
      },
    };
  },
  "docs/own-files.md": () => ({
    values: {
      "rows JOB":
        "rows $(deno task -q jobs --json --state .local/ingest list | grep -o 'job-[0-9a-f]*' | head -n 1)",
    },
    codes: { "deno task ingest": 3, "deno task preview": 3 },
    said: (said) => assert.match(said, /not-a-whole-number/),
  }),
  "docs/deploy.md": async (desk) => {
    const site = await Site.open();
    const { jobId } = await site.ingest("stock.csv", rowsOf(3));
    return {
      values: {
        "https://ENVIRONMENT.versori.run": site.stack.url,
        "x-api-key: …": `x-api-key: ${site.stack.apiKey}`,
        "jobId=JOB": `jobId=${jobId}`,
        "VERSORI_PROJECT=…":
          `VERSORI_PROJECT=$(grep -o '"id":"[^"]*"' '${desk.folder}/versori.json' | head -n 1 | cut -d '"' -f 4)`,
      },
      said: async (said) => {
        const made = JSON.parse(await readFile(join(desk.folder, "versori.json"), "utf8"));
        assert.equal(made.deployments.length, 1);
        assert.equal(made.connections.length, 4);
        assert.match(said, /Everything is in order/);
        assert.match(said, new RegExp(`"jobId":"${jobId}"`));
      },
      close: () => site[Symbol.asyncDispose](),
    };
  },
  "docs/extending.md": async (desk) => {
    await cp(join(desk.clone, "mappings/inventory.json"), join(desk.clone, "mappings/my-mapping.json"));
    await writeFile(join(desk.clone, "stock.csv"), "sku,location,qty\nA,L,1\n");
    return {};
  },
  "docs/mapping.md": async (desk) => {
    const [mapping, tests] = (await blocksOf("docs/mapping.md")).filter(({ language }) =>
      language === "json"
    );
    await writeFile(join(desk.clone, "german.json"), mapping!.code);
    await writeFile(join(desk.clone, "german.test.json"), tests!.code);
    await writeFile(
      join(desk.clone, "stock.csv"),
      "Artikel;Lager;Bestand;Liefertermin\nA;L;1.234;31.01.2026\n",
    );
    return {};
  },
  "docs/history.md": async (desk) => {
    // What the machine's own state knows: a job with failed rows, and two files that are held.
    const jobs = await withJobs(desk);
    const site = await Site.open();
    const { jobId } = await site.ingest("stock.csv", rowsOf(40, ["UNKNOWN-1,LOC-1,5"]));
    return {
      values: {
        "https://ENVIRONMENT.versori.run": site.stack.url,
        "KEY=… JOB=…": `KEY=${site.stack.apiKey} JOB=${jobId}`,
        "release JOB": `release ${jobs.held}`,
        "cancel JOB": `cancel ${jobs.alsoHeld}`,
        ...Object.fromEntries(
          ["show", "rows", "replay", "watch", "payload"].map((
            verb,
          ) => [`${verb} JOB`, `${verb} ${jobs.delivered}`]),
        ),
      },
      codes: {
        "deno task jobs show": 3,
        "deno task jobs watch": 3,
        "deno task jobs release": 3,
        "deno task jobs cancel": 1,
      },
      close: () => site[Symbol.asyncDispose](),
    };
  },
  "docs/delivery.md": async (desk) => ({
    values: { "payload JOB": `payload ${(await withJobs(desk)).delivered}` },
  }),
};

/** Gives the clone's own state a job with a row that Fluent refused, and two that are held. */
async function withJobs(desk: Desk): Promise<{ delivered: string; held: string; alsoHeld: string }> {
  const fluent = await startFluentServer({
    retailerId: 1,
    isUnknown: ({ skuRef }) => skuRef === "UNKNOWN-1",
  });
  const stack = await startStack({
    stateDir: join(desk.clone, ".local"),
    port: 0,
    bucket: "inventory",
    schedules: false,
    fluent: { url: fluent.url, ...localFluentCredentials },
    variables: { fluentRetailerId: 1, pollIntervalSeconds: 0.05 },
    log: { level: "error", format: "json", write: () => {} },
  });
  try {
    const ended: string[] = [];
    for (
      const [name, text] of [
        ["stock.csv", rowsOf(40, ["UNKNOWN-1,LOC-1,5"])],
        ["bad.csv", "sku,location,qty\nSKU-0001,LOC-1,1\nB,LOC-1,x\n"],
        ["worse.csv", "sku,location,qty\nA,LOC-1,x\nB,LOC-1,x\n"],
      ] as const
    ) {
      const key = stack.settings.s3Prefix + name;
      await stack.store.uploadFile(key, text);
      const answer = await fetch(`${stack.url}/inventory-adhoc`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-api-key": stack.apiKey },
        body: JSON.stringify({ key }),
      });
      const { files: [file] } = await answer.json() as { files: [{ jobId: string }] };
      for (let look = 0; look < 600; look++) {
        const job = await stack.tracker.getJob(file.jobId);
        if (job && job.status !== "queued" && job.status !== "processing") break;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      ended.push(file.jobId);
    }
    return { delivered: ended[0]!, held: ended[1]!, alsoHeld: ended[2]! };
  } finally {
    await stack.stop();
    await fluent.stop();
  }
}

const all = (await Promise.all((await documents()).map((document) => blocksOf(document)))).flat();
const commands = (document: string): Block[] =>
  all.filter((block) => block.document === document && block.language === "sh" && block.notRun === undefined);
// Typed once, on the Deno the documents name: on the platform's own the suites test what the commands do.
const ignore = await realCurl() === undefined || Deno.version.deno === PLATFORM_DENO;

for (const [document, sceneOf] of Object.entries(SCENES)) {
  Deno.test({
    name: `every command of ${document} works as it stands there`,
    ignore,
    fn: async () => {
      await using desk = await Desk.open();
      const scene = await sceneOf(desk);
      try {
        const script = commands(document).map(({ code }) => code).join("\n");
        const { ok, said, typed } = await desk.type(desk.fill(script, scene.values));
        assert.ok(ok, said);
        for (const { command, code } of typed) {
          const [, wanted = 0] = Object.entries(scene.codes ?? {}).find(([start]) =>
            command.startsWith(start)
          ) ?? [];
          assert.equal(code, wanted, `${command}\n${said}`);
        }
        await scene.said?.(said);
      } finally {
        await scene.close?.();
      }
    },
  });
}

Deno.test("the code of docs/fluent-client.md delivers what it says", async () => {
  await using desk = await Desk.open();
  const [example] = all.filter(({ document, language }) =>
    document === "docs/fluent-client.md" && language === "ts"
  );
  await writeFile(join(desk.clone, "docs/example.ts"), example!.code + "console.log(status.status);\n");
  const { ok, said } = await desk.type("deno run -A docs/example.ts", {
    FLUENT_BASE_URL: desk.fluent.url,
    FLUENT_CLIENT_ID: localFluentCredentials.clientId,
    FLUENT_CLIENT_SECRET: localFluentCredentials.clientSecret,
  });
  assert.ok(ok, said);
  assert.match(said, /COMPLETED/);
  assert.equal(desk.fluent.stock().get("00123\u0000L1"), 5);
});

Deno.test("the code of docs/delivery.md delivers its records", async () => {
  await using desk = await Desk.open();
  const [example] = all.filter(({ document, language }) =>
    document === "docs/delivery.md" && language === "ts"
  );
  const before = `
import { createClient, PartialBatchRecovery, silentLogger as logger, VersoriKVAdapter } from "../lib/mod.ts";
import { MemoryKeyValue } from "${new URL("../state/memory_kv.ts", import.meta.url).href}";
const kv = new VersoriKVAdapter(new MemoryKeyValue());
const client = createClient({ config: {
  baseUrl: ${
    JSON.stringify(desk.fluent.url)
  }, clientId: "LOCAL", clientSecret: "local-client-secret", retailerId: "1",
} });
const job = await client.createJob({ name: "recovery" });
const records = [{ skuRef: "A", locationRef: "L", qty: 1, retailerId: 1 }];
`;
  await writeFile(
    join(desk.clone, "docs/example.ts"),
    before + example!.code + "console.log(JSON.stringify(result));\n",
  );
  const { ok, said } = await desk.type("deno run -A docs/example.ts");
  assert.ok(ok, said);
  assert.equal(desk.fluent.stock().get("A\u0000L"), 1, said);
});

/** What runs the blocks that are no commands. */
const RUN_ELSEWHERE: readonly { readonly by: string; readonly of: (block: Block) => boolean }[] = [
  { by: "test/local/docs/docs_test.ts", of: ({ document }) => document === "docs/reference.md" },
  { by: "test/docs/mapping_examples_test.ts", of: ({ document }) => document === "docs/mapping.md" },
  {
    by: "test/extending/recipes_test.ts",
    of: ({ document, name }) => document === "docs/extending.md" && name.includes("="),
  },
  {
    by: "test/docs/examples_test.ts",
    of: ({ document, language }) =>
      document === "README.md" && language === "text" ||
      ["docs/fluent-client.md", "docs/delivery.md"].includes(document) && language === "ts",
  },
];

Deno.test("every block of the documents is run by a test, or says why not", async () => {
  assert.ok(all.length > 40, String(all.length));
  for (const block of all) {
    const where = `${block.document}:${block.line}`;
    if (block.notRun !== undefined) {
      assert.ok(block.notRun.length > 10, `${where} says why it is not run`);
      console.log(`not run: ${where}: ${block.notRun}`);
    } else if (block.language === "sh") {
      assert.ok(block.document in SCENES, `${where} is run by nothing: give ${block.document} a scene`);
    } else {
      const runner = RUN_ELSEWHERE.find(({ of }) => of(block));
      assert.ok(runner, `${where} is run by nothing: run it, or say <!-- not run: why --> before it`);
      if (block.name.includes("=")) {
        const source = await readFile(ROOT + runner.by, "utf8");
        assert.ok(source.includes(block.name), `${where}: ${runner.by} uses ${block.name}`);
      }
    }
  }
});
