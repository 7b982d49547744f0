import assert from "node:assert/strict";
import { chmod, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { envExample, isInbound, type Manifest, parseManifest, secretsOf } from "../../local/setup/mod.ts";
import { definitionOf } from "../../local/versori_run/_trigger.ts";
import { WORKFLOWS } from "../../workflows/index.ts";
import type { Made } from "./_fake_versori.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const MANIFEST = parseManifest(await readFile(join(ROOT, "versori.yaml"), "utf8"));

const ENVIRONMENT: Record<string, string> = {
  VERSORI_ENVIRONMENT: "production",
  FLUENT_COMMERCE_URL: "https://acme.sandbox.api.fluentretail.com",
  S3_URL: "https://s3.eu-west-1.amazonaws.com",
  ALERT_EMAIL: "ops@acme.example",
  S3_BUCKET_NAME: "acme-stock",
  FLUENT_RETAILER_ID: "7",
};

interface Ran {
  readonly success: boolean;
  readonly said: string;
  readonly made: () => Promise<Made>;
  readonly again: (env?: Record<string, string>) => Promise<Ran>;
}

/** Writes the script as a user does and runs it with the fake in the CLI's place. */
async function withScript(
  test: (run: (env: Record<string, string>) => Promise<Ran>, folder: string) => Promise<void>,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "setup-"));
  try {
    const script = join(folder, "setup.sh");
    await new Deno.Command(Deno.execPath(), {
      args: ["task", "--quiet", "setup", "--write", script],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
    }).output();
    const fake = fileURLToPath(new URL("./_fake_versori.ts", import.meta.url));
    await writeFile(
      join(folder, "versori"),
      `#!/bin/sh\nexec '${Deno.execPath()}' run -A --no-check '${fake}' "$@"\n`,
    );
    await chmod(join(folder, "versori"), 0o755);
    const state = join(folder, "made.json");
    const run = async (env: Record<string, string>): Promise<Ran> => {
      const { success, stdout, stderr } = await new Deno.Command("bash", {
        args: [script],
        cwd: folder,
        clearEnv: true,
        env: {
          PATH: `${folder}:${process.env["PATH"]}`,
          HOME: process.env["HOME"] ?? folder,
          FAKE_VERSORI_STATE: state,
          ...env,
        },
      }).output();
      const text = new TextDecoder();
      return {
        success,
        said: text.decode(stdout) + text.decode(stderr),
        made: async () => JSON.parse(await readFile(state, "utf8")),
        again: (more = env) => run(more),
      };
    };
    await test(run, folder);
  } finally {
    await rm(folder, { recursive: true });
  }
}

Deno.test("the script makes exactly the objects that versori.yaml declares", async () => {
  await withScript(async (run) => {
    const { success, said, made: read } = await run(ENVIRONMENT);
    assert.ok(success, said);
    const made = await read();
    assert.deepEqual(made.projects.map(({ name }) => name), [MANIFEST.name]);
    const project = made.projects[0]!.id;
    assert.deepEqual(made.links.map(({ name }) => name), Object.keys(MANIFEST.systems));
    for (const [at, [name, system]] of Object.entries(MANIFEST.systems).entries()) {
      const url = isInbound(MANIFEST, name)
        ? "https://inbound.invalid"
        : ENVIRONMENT[`${name.toUpperCase()}_URL`]!;
      const { id, scheme, ...shown } = made.systems[at]!;
      assert.deepEqual(shown, { name: `${MANIFEST.name}-${name}`, domain: url, templateBaseUrl: url });
      assert.equal(scheme!["--type"], system.auth.type);
      assert.equal(scheme!["--description"], system.description);
      const link = made.links[at]!;
      assert.deepEqual(link, { id: link.id, name, system: id, project, environment: "production" });
      assert.deepEqual(made.connections[at], {
        template: link.id,
        "--project": project,
        "--environment": "production",
        "--name": name,
        "--base-url": url,
        ...Object.fromEntries(
          secretsOf(name, system).map(({ option, variable }) => [option, `$${variable}`]),
        ),
      });
    }
    const fluent = made.systems[0]!.scheme!;
    assert.equal(fluent["--oauth2.grant-type"], "clientCredentials");
    assert.equal(fluent["--oauth2.token-url"], "https://acme.sandbox.api.fluentretail.com/oauth/token");

    const schema = made.schema as { properties: Record<string, Record<string, unknown>>; required: string[] };
    assert.deepEqual(Object.keys(schema.properties), Object.keys(MANIFEST.variables));
    for (const [name, variable] of Object.entries(MANIFEST.variables)) {
      const { required, ...property } = variable;
      assert.deepEqual(schema.properties[name], property);
      assert.equal(schema.required.includes(name), required, name);
    }
    assert.deepEqual(made.channels.map(({ name, email }) => ({ name, email })), [
      { name: MANIFEST.notifications.channel, email: "ops@acme.example" },
    ]);
    assert.deepEqual(made.bindings, [{
      "--project": project,
      "--environment": "production",
      "--channel-id": made.channels[0]!.id,
      "--name": MANIFEST.notifications.channel,
    }]);
    assert.match(said, /s3BucketName = acme-stock\n {2}fluentRetailerId = 7\n/);
    assert.match(
      said,
      new RegExp(`versori projects deploy --project ${project} --directory package-out --environment`),
    );
  });
});

Deno.test("no secret is an argument of any command, even where .env and the environment hold them", async () => {
  await withScript(async (run, folder) => {
    const secrets = Object.entries(MANIFEST.systems).flatMap(([name, system]) => secretsOf(name, system));
    const values = Object.fromEntries(secrets.map(({ variable }, at) => [variable, `sesame-${at}`]));
    await writeFile(join(folder, ".env"), Object.entries(values).map(([k, v]) => `${k}=${v}\n`).join(""));
    const { success, said, made } = await run({ ...ENVIRONMENT, ...values });
    assert.ok(success, said);
    const { calls } = await made();
    assert.ok(calls.length > 15);
    assert.ok(!JSON.stringify(calls).includes("sesame") && !said.includes("sesame"));
    for (const { option } of secrets) {
      const given = calls.filter((call) => call.includes(option)).map((call) =>
        call[call.indexOf(option) + 1]!
      );
      assert.ok(
        given.length > 0 && given.every((value) => /^\$[A-Z0-9_]+$/.test(value)),
        `${option}: ${given}`,
      );
    }
  });
});

Deno.test("a script that ended half-way can be run again: nothing is made twice but connections", async () => {
  await withScript(async (run) => {
    const first = await run(ENVIRONMENT);
    const { projects } = await first.made();
    const second = await first.again({ ...ENVIRONMENT, VERSORI_PROJECT: projects[0]!.id });
    assert.ok(second.success, second.said);
    const made = await second.made();
    const count = Object.keys(MANIFEST.systems).length;
    const { projects: once, systems, links, channels } = made;
    assert.deepEqual([once, systems, links, channels].map(({ length }) => length), [1, count, count, 1]);
  });
});

Deno.test("what is missing in the environment is said before anything is made", async () => {
  await withScript(async (run) => {
    const { S3_URL: _, ...rest } = ENVIRONMENT;
    const { success, said, made } = await run(rest);
    assert.equal(success, false);
    assert.match(said, /S3_URL: scheme and host of s3/);
    await assert.rejects(made(), { code: "ENOENT" });
  });
});

Deno.test(".env.example beside the script names every secret the commands refer to, without a value", async () => {
  await withScript(async (_run, folder) => {
    const script = await readFile(join(folder, "setup.sh"), "utf8");
    const example = await readFile(join(folder, ".env.example"), "utf8");
    const wanted = [...script.matchAll(/--(?:api-key|username|password|client-id|client-secret) '\$(\w+)'/g)]
      .map(
        ([, name]) => name,
      );
    const named = example.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.deepEqual(named, wanted.map((name) => `${name}=`));
    assert.equal(example, envExample(MANIFEST));
    assert.equal((await stat(join(folder, "setup.sh"))).mode & 0o777, 0o755);
  });
});

Deno.test("versori.yaml declares exactly the schedules, webhooks and workflows that are registered", () => {
  const declared: Pick<Manifest, "schedules" | "webhooks" | "workflows"> = {
    schedules: {},
    webhooks: {},
    workflows: {},
  };
  const description = (kind: keyof typeof declared, id: string) =>
    MANIFEST[kind][id]?.description ?? "missing";
  for (const registered of WORKFLOWS) {
    const { trigger } = definitionOf(registered);
    switch (trigger.kind) {
      case "schedule":
        declared.schedules[trigger.id] = {
          cron: trigger.cron,
          description: description("schedules", trigger.id),
        };
        break;
      case "webhook": {
        const { method = "all", connection } = trigger.options;
        declared.webhooks[trigger.id] = {
          method,
          description: description("webhooks", trigger.id),
          ...(connection === undefined ? {} : { connection }),
        };
        break;
      }
      case "workflow":
        declared.workflows[trigger.id] = { description: description("workflows", trigger.id) };
    }
  }
  const { schedules, webhooks, workflows } = MANIFEST;
  assert.deepEqual({ schedules, webhooks, workflows }, declared);
  for (const [id, { connection }] of Object.entries(webhooks)) {
    assert.ok(connection !== undefined && connection in MANIFEST.systems, `${id} checks who calls`);
  }
});

Deno.test("a manifest that is wrong is refused by key", () => {
  assert.throws(() => parseManifest("name: x\nsystems: {s3: {auth: magic}}"), (error: Error) => {
    assert.match(error.message, /^Cannot read versori\.yaml: .*systems\.s3/);
    return true;
  });
});

Deno.test("with the password grant the client's own secret stays out of the commands", () => {
  const manifest = parseManifest(
    JSON.stringify({
      ...MANIFEST,
      systems: {
        fluent_commerce: {
          description: "Fluent",
          auth: { type: "oauth2", grant: "password", tokenPath: "/token" },
        },
      },
      webhooks: {},
    }),
  );
  const [user, password] = secretsOf("fluent_commerce", manifest.systems["fluent_commerce"]!);
  assert.equal(user!.variable, "FLUENT_COMMERCE_USERNAME");
  assert.equal(password!.option, "--password");
});
