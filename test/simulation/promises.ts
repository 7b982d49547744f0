import { ConnectorError, messageOf } from "../../lib/base/mod.ts";
import { checkBooks } from "../../lib/ingest/mod.ts";
import { type JobRecord, jobRecordSchema } from "../../lib/jobs/job_record.ts";
import { fileId } from "../../lib/state/mod.ts";
import { type PlannedFile, QTY_PER_FILE } from "./plan.ts";
import type { StoreWatch } from "./store_model.ts";
import type { SimulatedWorld } from "./world.ts";

interface Arrived {
  readonly file: PlannedFile;
  readonly key: string;
  readonly etag: string;
  readonly at: number;
  /** Whether another version took its place before it was archived. */
  replaced: boolean;
  removed: boolean;
  /** Whether it was moved aside, because it was held or its job failed. */
  aside: boolean;
}

/** Where files are moved to that were not delivered. */
const ASIDE = ["inventory/held/", "inventory/errors/"];

/** Watches a world while it runs, and says afterwards which promises were broken. */
export class Observer {
  readonly violations: string[] = [];
  readonly arrived: Arrived[] = [];
  readonly errors: string[] = [];

  /** Hears of every row Fluent processes: a row of an older file must never follow one of a newer. */
  readonly row = (key: string, before: number | undefined, qty: number): void => {
    if (before !== undefined && Math.floor(before / QTY_PER_FILE) > Math.floor(qty / QTY_PER_FILE)) {
      this.#violation(`order: ${key} went from ${before} back to ${qty}`);
    }
  };

  put(file: PlannedFile, key: string, etag: string, at: number): void {
    for (const earlier of this.arrived) {
      if (earlier.key === key && !earlier.removed && !earlier.aside) earlier.replaced = true;
    }

    this.arrived.push({ file, key, etag, at, replaced: false, removed: false, aside: false });
  }

  failedTrigger(error: unknown): void {
    this.#error("trigger", error);
  }

  failedSlice(error: unknown): void {
    this.#error("slice", error);
  }

  /** Nothing in the archive is overwritten; a source goes last of all. */
  watch(world: SimulatedWorld): StoreWatch {
    return {
      beforeWrite: async (key) => {
        if (!["inventory/archive/", ...ASIDE].some((prefix) => key.startsWith(prefix))) return;
        if (key.endsWith(".error.json")) return;
        if (await world.memory.statFile(key)) this.#violation(`archive: '${key}' was overwritten`);
      },
      beforeDelete: async (key) => {
        const stored = await world.memory.statFile(key);
        if (stored && ASIDE.some((prefix) => key.startsWith(prefix))) {
          if (!(await isBelow(world, ["inventory/"], stored.etag, key))) {
            this.#violation(`lost: '${key}' was removed`);
          }
        }
        if (!key.startsWith("inventory/incoming/")) return;
        const current = this.arrived.findLast((arrived) =>
          arrived.key === key && !arrived.removed && !arrived.aside
        );
        if (!current || !stored) return;
        if (await isBelow(world, ASIDE, current.etag)) {
          current.aside = true;
          return;
        }
        if (!(await archived(world, current.etag))) this.#violation(`archive: '${key}' was removed uncopied`);
        this.#checkAccepted(world, current.file);
        current.removed = true;
      },
    };
  }

  /** Every row of the file must be with Fluent, processed, before its source goes. */
  #checkAccepted(world: SimulatedWorld, file: PlannedFile): void {
    const left = new Set(file.rows.values());
    for (const batch of world.fluent.batches) {
      if (batch.complete) { for (const { qty } of batch.entities) left.delete(qty); }
    }
    if (left.size > 0) {
      this.#violation(`archive: '${file.name}' was removed before ${left.size} of its rows were processed`);
    }
  }

  /** What is wrong once the world has come to rest. */
  async check(world: SimulatedWorld): Promise<void> {
    const contents = world.kv.contents();
    const jobs = new Map<string, JobRecord>();
    for (const [key, value] of contents) {
      const [, room, id] = key.split("/");
      if (room === "jobs") jobs.set(id!, jobRecordSchema.parse(value));
    }
    if (world.kv.largest > 64 * 1024) this.#violation(`state: a value of ${world.kv.largest} characters`);
    if (!world.queue.empty) {
      const left = world.queue.messages.filter(({ status }) => status === "available" || status === "locked");
      this.#violation(
        `rest: runs go on for ever: ${left.map(({ assignment }) => JSON.stringify(assignment)).join()}`,
      );
    }
    const expected = new Map<string, { readonly allowed: Set<number>; readonly sure: boolean }>();
    const inOrder = this.arrived.toSorted((a, b) => a.at - b.at || (a.key < b.key ? -1 : 1));
    for (const arrived of inOrder) {
      const { file, key, etag } = arrived;
      const id = `job-${
        fileId({ bucket: "stock", key, etag, size: new TextEncoder().encode(file.text).length })
      }`;
      const mine = [...jobs.values()].filter(({ jobId }) => jobId === id || jobId.startsWith(`${id}-`));
      if (mine.length > 1) this.#violation(`history: ${mine.length} jobs for '${file.name}'`);
      const job = mine[0];
      if (!job) {
        if (!arrived.replaced) this.#violation(`lost: '${file.name}' was never taken`);
        continue;
      }
      this.#checkJob(arrived, job);
      if (!arrived.replaced && !(await isBelow(world, ["inventory/"], etag))) {
        this.#violation(`lost: '${file.name}' is ${job.status} and nowhere in the bucket`);
      }
      const delivered = job.status === "completed" || job.status === "completed_with_errors";
      if (delivered && !arrived.replaced && !(await archived(world, etag))) {
        this.#violation(`archive: '${file.name}' is ${job.status} and not in the archive`);
      }
      for (const [row, qty] of file.rows) {
        const before = expected.get(row);
        if (delivered) expected.set(row, { allowed: new Set([qty]), sure: true });
        // Part of it may have been sent before it was replaced, or came too late.
        else if (arrived.replaced || isStale(job)) {
          if (before) before.allowed.add(qty);
          else expected.set(row, { allowed: new Set([qty]), sure: false });
        }
      }
    }
    await this.#checkArchive(world);
    for (const [row, { allowed, sure }] of expected) {
      const found = world.fluent.stock.get(row);
      if (found === undefined ? sure : !allowed.has(found)) {
        this.#violation(`stock: ${row} is ${found}, expected ${[...allowed].join(" or ")}`);
      }
    }
    for (const [row, qty] of world.fluent.stock) {
      if (!expected.has(row)) this.#violation(`stock: ${row} is ${qty}, and no file says so`);
    }
    this.#checkBytes(world);
  }

  #checkJob(arrived: Arrived, job: JobRecord): void {
    const { file } = arrived;
    const rows = job.details["rows"] as Parameters<typeof checkBooks>[0] | undefined;
    const say = (text: string) =>
      this.#violation(`${text} ('${file.name}', ${job.status}, ${job.error ?? "-"})`);
    switch (job.status) {
      case "completed":
      case "completed_with_errors": {
        const flawed = file.rejected + file.unknown > 0;
        if ((job.status === "completed") === flawed) say("green: the wrong end");
        if (!rows) return say("books: none");
        try {
          checkBooks(rows);
        } catch (error) {
          say(`books: ${messageOf(error)}`);
        }
        const found = [rows.confirmed, rows.rejected, rows.superseded, rows.failed, rows.unconfirmed];
        const wanted = [file.rows.size, file.rejected, file.superseded, file.unknown, 0];
        if (String(found) !== String(wanted)) say(`books: ${found} instead of ${wanted}`);
        if (!arrived.removed && !arrived.replaced) say("archive: the source is still there");
        return;
      }
      case "held":
        // Of a version that was replaced nothing more can be sent, and its successor may have been.
        if (!file.empty && !isStale(job) && !arrived.replaced) say("held: without a reason");
        if (arrived.removed) say("held: the source was removed");
        if (!arrived.aside && !arrived.replaced) say("held: the file lies where it arrived");
        return;
      case "failed":
      case "cancelled":
      case "queued":
      case "processing":
        if (!arrived.replaced) say("lost: it never ended well");
        return;
    }
  }

  /** Each delivered version is in the archive once, and nothing else is. */
  async #checkArchive(world: SimulatedWorld): Promise<void> {
    const etags: string[] = [];
    for await (const { key, etag } of world.memory.listObjects({ prefix: "inventory/archive/" })) {
      etags.push(etag);
      if (!this.arrived.some((arrived) => arrived.etag === etag)) {
        this.#violation(`archive: '${key}' is no file that ever came`);
      }
    }
    if (new Set(etags).size < etags.length) this.#violation("archive: a file is there twice");
  }

  /** A batch that was sent again has the same bytes: of two that begin with the same row, one is the other. */
  #checkBytes(world: SimulatedWorld): void {
    const bodies = new Map<number, string>();
    for (const { entities, body } of world.fluent.batches) {
      for (const { qty } of entities) {
        const other = bodies.get(qty);
        if (other !== undefined && other !== body) this.#violation(`bytes: row ${qty} was sent in two ways`);
        bodies.set(qty, body);
      }
    }
  }

  #violation(text: string): void {
    this.violations.push(text);
  }

  #error(where: string, error: unknown): void {
    const stack = error instanceof Error && !(error instanceof ConnectorError) ? error.stack : "";
    this.errors.push(`${where}: ${messageOf(error)} ${stack ?? ""}`.slice(0, 600));
    // Infrastructure may fail; a mistake in the code is one whatever it leads to.
    if (error instanceof TypeError || error instanceof RangeError || error instanceof ReferenceError) {
      this.#violation(`code: ${messageOf(error)}`);
    }
  }
}

/** Held because a newer file was delivered while it had failed. */
function isStale(job: JobRecord): boolean {
  const held = job.details["heldBecause"] as { code?: string } | null | undefined;
  return job.status === "held" && (held?.code ?? "").includes("stale") && job.reopened > 0;
}

function archived(world: SimulatedWorld, etag: string): Promise<boolean> {
  return isBelow(world, ["inventory/archive/"], etag);
}

/** Whether an object with this content lies below one of these prefixes, beside one that is looked past. */
async function isBelow(
  world: SimulatedWorld,
  prefixes: readonly string[],
  etag: string,
  past?: string,
): Promise<boolean> {
  for (const prefix of prefixes) {
    for await (const object of world.memory.listObjects({ prefix })) {
      if (object.etag === etag && object.key !== past) return true;
    }
  }
  return false;
}
