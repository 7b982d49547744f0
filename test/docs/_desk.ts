import assert from "node:assert/strict";
import { chmod, cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { S3DataSource } from "../../lib/s3/mod.ts";
import { type FluentServer, localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { startS3Server } from "../../local/s3/mod.ts";
import { ROOT } from "./_blocks.ts";

/** What a clone has that commands need. */
const CLONED = [
  "README.md",
  "deno.json",
  "deno.lock",
  "docs",
  "lib",
  "local",
  "mappings",
  "versori.yaml",
  "workflows",
];
const KEYS = { accessKeyId: "readers-key", secretAccessKey: "readers-secret" };
const BUCKET = "my-bucket";

/** A command the reader typed, and how it ended. */
export interface Typed {
  readonly command: string;
  readonly code: number;
}

/**
 * A reader at work: a clone of the project, a store and an account of one's own behind real addresses, and a shell in
 * which `deno` and `npx` are the Deno that runs the tests, and `versori` and `aws` stand-ins that do what they are told.
 */
export class Desk implements AsyncDisposable {
  private constructor(
    readonly folder: string,
    readonly clone: string,
    readonly fluent: FluentServer,
    readonly s3: Awaited<ReturnType<typeof startS3Server>>,
    readonly store: S3DataSource,
  ) {}

  static async open(): Promise<Desk> {
    const folder = await mkdtemp(join(tmpdir(), "desk-"));
    const clone = join(folder, "clone");
    await mkdir(clone);
    for (const name of CLONED) await cp(join(ROOT, name), join(clone, name), { recursive: true });
    const fluent = await startFluentServer({ retailerId: 1, pendingMs: 1, runningMs: 1 });
    const s3 = await startS3Server({ stateDir: join(folder, "s3"), buckets: [BUCKET], credentials: KEYS });
    const store = new S3DataSource({
      type: "S3_CSV",
      s3Config: { ...KEYS, region: "eu-west-1", bucket: BUCKET, endpoint: s3.url },
    });
    const desk = new Desk(folder, clone, fluent, s3, store);
    await desk.#layOut();
    return desk;
  }

  /** A document's text with the reader's own values where it has placeholders. */
  fill(text: string, more: Readonly<Record<string, string>> = {}): string {
    const values: Record<string, string> = {
      "AWS_ACCESS_KEY_ID=…": `AWS_ACCESS_KEY_ID=${KEYS.accessKeyId}`,
      "AWS_SECRET_ACCESS_KEY=…": `AWS_SECRET_ACCESS_KEY=${KEYS.secretAccessKey}`,
      "FLUENT_CLIENT_ID=…": `FLUENT_CLIENT_ID=${localFluentCredentials.clientId}`,
      "FLUENT_CLIENT_SECRET=…": `FLUENT_CLIENT_SECRET=${localFluentCredentials.clientSecret}`,
      "FLUENT_USERNAME=…": `FLUENT_USERNAME=${localFluentCredentials.username}`,
      "FLUENT_PASSWORD=…": `FLUENT_PASSWORD=${localFluentCredentials.password}`,
      "https://s3.eu-west-1.amazonaws.com": this.s3.url,
      "http://127.0.0.1:9000": this.s3.url,
      "https://ACCOUNT.sandbox.api.fluentretail.com": this.fluent.url,
      ...more,
    };
    const filled = Object.entries(values).reduce((known, [from, to]) => known.replaceAll(from, to), text);
    assert.ok(
      !/…|ENVIRONMENT\./.test(filled),
      `what stands for the reader's own values is filled in:\n${filled}`,
    );
    return filled;
  }

  /** Types a script into a shell in the clone, to its first command that fails otherwise than by a job's outcome. */
  async type(
    script: string,
    env: Readonly<Record<string, string>> = {},
  ): Promise<{ ok: boolean; said: string; typed: Typed[] }> {
    const log = join(this.folder, "typed");
    await writeFile(log, "");
    const { success, stdout, stderr } = await new Deno.Command("bash", {
      args: ["-euo", "pipefail", "-c", script],
      cwd: this.clone,
      clearEnv: true,
      env: {
        PATH: `${join(this.folder, "bin")}:${process.env["PATH"]}`,
        HOME: process.env["HOME"] ?? this.folder,
        NO_COLOR: "1",
        DENO_NO_UPDATE_CHECK: "1",
        DENO_TLS_CA_STORE: "system,mozilla",
        ...(process.env["DENO_DIR"] === undefined ? {} : { DENO_DIR: process.env["DENO_DIR"] }),
        FAKE_VERSORI_STATE: join(this.folder, "versori.json"),
        ...env,
      },
      stdin: "null",
    }).output();
    const text = new TextDecoder();
    const lines = (await readFile(log, "utf8")).split("\n").filter((line) => line !== "");
    return {
      ok: success,
      said: text.decode(stdout) + text.decode(stderr),
      typed: lines.map((line) => {
        const at = line.indexOf(" ");
        return { code: Number(line.slice(0, at)), command: line.slice(at + 1) };
      }),
    };
  }

  /** Starts what the clone deploys, as local/versori_run/README.md says, on the reader's store and account. */
  async serve(
    variables: Readonly<Record<string, unknown>>,
  ): Promise<{ url: string; apiKey: string; stop: () => Promise<void> }> {
    const apiKey = "readers-api-key";
    await writeFile(
      join(this.clone, "platform.json"),
      JSON.stringify({
        stateDir: join(this.folder, "platform"),
        port: 0,
        connections: {
          fluent_commerce: { baseUrl: this.fluent.url, auth: { type: "none" } },
          s3: {
            baseUrl: this.s3.url,
            auth: { type: "basic", username: KEYS.accessKeyId, password: KEYS.secretAccessKey },
          },
          inventory_webhooks: { auth: { type: "apiKey", key: apiKey } },
          inventory_page: { auth: { type: "basic", username: "u", password: "p" } },
        },
        variables: { s3BucketName: BUCKET, s3Endpoint: this.s3.url, fluentRetailerId: 1, ...variables },
        log: { format: "json" },
      }),
    );
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "workflows/index.ts"],
      cwd: this.clone,
      env: { VERSORI_LOCAL_CONFIG: "platform.json", NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    const stop = async () => {
      child.kill("SIGKILL");
      await child.status;
    };
    let log = "";
    for await (const text of child.stderr.pipeThrough(new TextDecoderStream())) {
      log += text;
      const url = /"Local platform started".*?(http:\/\/127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (url !== undefined) return { url, apiKey, stop };
    }
    await stop();
    throw new Error(`It ended before it served:\n${log}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.dispose();
    await this.fluent.stop();
    await this.s3.stop();
    await rm(this.folder, { recursive: true, force: true });
  }

  async #layOut(): Promise<void> {
    const bin = join(this.folder, "bin");
    await mkdir(bin);
    const script = (path: string) =>
      `exec '${Deno.execPath()}' run -A --no-check --config '${ROOT}deno.json' '${
        fileURLToPath(new URL(path, import.meta.url))
      }' "$@"`;
    // A job's outcome is an exit code, and no reason to stop typing: what every command answered is noted. Any free port
    // does, so that nothing else on the machine is in the way.
    const deno = `[ "$1 $2" = "task start" ] && set -- "$@" --port 0
'${Deno.execPath()}' "$@"
code=$?
echo "$code deno $*" >>'${join(this.folder, "typed")}'
[ $code -ne 2 ] || exit 2`;
    const shims: Record<string, string> = {
      deno,
      npx: `case "$1 $2" in "-y deno@"*) shift 2; exec deno "$@";; *) echo "npx: $*" >&2; exit 2;; esac`,
      versori: script("../setup/_fake_versori.ts"),
      aws: script("./_fake_aws.ts"),
      // An answer that tells of a failure is one.
      curl: `exec "$REAL_CURL" --silent --show-error --fail-with-body "$@"`,
    };
    for (const [name, text] of Object.entries(shims)) {
      const own = text.replace('"$REAL_CURL"', `'${await realCurl() ?? "/bin/false"}'`);
      await writeFile(join(bin, name), `#!/bin/sh\n${own}\n`);
      await chmod(join(bin, name), 0o755);
    }
  }
}

/** Where curl is, if it is anywhere. */
export async function realCurl(): Promise<string | undefined> {
  const { success, stdout } = await new Deno.Command("bash", { args: ["-c", "command -v curl"] }).output();
  return success ? new TextDecoder().decode(stdout).trim() : undefined;
}
