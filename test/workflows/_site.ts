import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Ajv2020 from "ajv/dist/2020.js";
import { type FluentServer, localFluentCredentials, startFluentServer } from "../../local/fluent/mod.ts";
import { type Stack, startStack } from "../../local/stack.ts";

/** What a webhook answered. */
export interface Called {
  readonly status: number;
  readonly type: string;
  readonly text: string;
  // deno-lint-ignore no-explicit-any -- tests look into answers of every shape, each checked against its schema first
  readonly body: any;
}

interface Document {
  readonly paths: Record<
    string,
    Record<string, { responses: Record<string, { content: Record<string, unknown> }> }>
  >;
}

/** The connector on its local platform, and calls whose every answer is checked against the API's own document. */
export class Site implements AsyncDisposable {
  readonly #folder: string;
  readonly #ajv: InstanceType<typeof Ajv2020.default>;
  readonly stack: Stack;
  readonly document: Document;
  readonly fluent: FluentServer;
  /** SKUs Fluent doesn't know. */
  readonly unknown: Set<string>;

  private constructor(
    folder: string,
    stack: Stack,
    document: Document,
    fluent: FluentServer,
    unknown: Set<string>,
  ) {
    this.#folder = folder;
    this.stack = stack;
    this.document = document;
    this.fluent = fluent;
    this.unknown = unknown;
    this.#ajv = new Ajv2020.default({ strict: false, validateFormats: false });
    this.#ajv.addSchema(document, "api");
  }

  static async open(
    variables: Record<string, string | number> = {},
    bodyTimeoutMs?: number,
  ): Promise<Site> {
    const folder = await mkdtemp(join(tmpdir(), "webhooks-"));
    const unknown = new Set(["UNKNOWN-1", "UNKNOWN-2"]);
    const fluent = await startFluentServer({ retailerId: 1, isUnknown: ({ skuRef }) => unknown.has(skuRef) });
    const stack = await startStack({
      stateDir: folder,
      port: 0,
      bucket: "stock",
      schedules: false,
      fluent: { url: fluent.url, ...localFluentCredentials },
      variables: { fluentRetailerId: 1, pollIntervalSeconds: 0.05, ...variables },
      ...(bodyTimeoutMs === undefined ? {} : { bodyTimeoutMs }),
      log: { level: "error", format: "json", write: () => {} },
    });
    const response = await fetch(`${stack.url}/api-docs`, { headers: { "x-api-key": stack.apiKey } });
    return new Site(folder, stack, await response.json(), fluent, unknown);
  }

  /** Calls a webhook with the key, or with other headers, and checks the answer against the document. */
  async call(path: string, init: RequestInit = {}): Promise<Called> {
    const response = await fetch(`${this.stack.url}/${path}`, {
      ...init,
      headers: { "x-api-key": this.stack.apiKey, ...init.headers },
    });
    const text = await response.text();
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const called = { status: response.status, type, text, body: text === "" ? undefined : JSON.parse(text) };
    this.#check(path.split("?")[0]!, (init.method ?? "GET").toLowerCase(), called);
    return called;
  }

  post(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Called> {
    return this.call(path, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  }

  /** The job once it is over. */
  async settled(jobId: string): Promise<Called["body"]> {
    for (let look = 0; look < 600; look++) {
      const { body } = await this.call(`job-status?jobId=${jobId}`);
      if (body.status !== "queued" && body.status !== "processing") return body;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`job ${jobId} is not over within half a minute`);
  }

  /** Puts a file into the bucket, takes it, and waits for its job. */
  async ingest(name: string, text: string, more: object = {}): Promise<Called["body"]> {
    const key = `${this.stack.settings.s3Prefix}${name}`;
    await this.stack.store.uploadFile(key, text);
    const { status, body } = await this.post("inventory-adhoc", { key, ...more });
    assert.equal(status, 202);
    return await this.settled(body.files[0].jobId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.stop();
    await this.fluent.stop();
    await rm(this.#folder, { recursive: true, force: true });
  }

  #check(id: string, method: string, { status, type, body }: Called): void {
    const responses = this.document.paths[`/${id}`]?.[method]?.responses;
    if (!responses) return assert.equal(status, 404, `${method} ${id} is not described`);
    assert.ok(responses[status]?.content[type], `${method} ${id} answers ${status} ${type}: not described`);
    const at = ["paths", `/${id}`, method, "responses", String(status), "content", type, "schema"]
      .map((part) => encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))).join("/");
    const validate = this.#ajv.getSchema(`api#/${at}`);
    assert.ok(validate, `schema of ${method} ${id} ${status}`);
    assert.ok(validate(body), `${method} ${id} ${status}: ${this.#ajv.errorsText(validate.errors)}`);
  }
}

export function rowsOf(count: number, more: readonly string[] = []): string {
  const lines = ["sku,location,qty"];
  for (let i = 0; i < count; i++) lines.push(`SKU-${String(i).padStart(4, "0")},LOC-1,${i}`);
  return [...lines, ...more].join("\n") + "\n";
}
