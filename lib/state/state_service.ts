import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import { fileId, type IngestFile } from "./file_identity.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

/** Where one file stands, as the ledger knows it. */
const ledgerEntrySchema = z.object({
  v: z.literal(1),
  /** Absent in entries written before it was kept. */
  bucket: z.string().optional(),
  key: z.string(),
  jobId: z.string(),
  /**
   * `active`: a run was started for it. `unfinished`: its run stopped at a deadline and may be resumed. `replaced`: another
   * version took its place before it was delivered. The others are the job's own end.
   */
  status: z.enum([
    "active",
    "unfinished",
    "completed",
    "completed_with_errors",
    "failed",
    "held",
    "cancelled",
    "replaced",
  ]),
  /** How many jobs this file has had: 1, and one more for every forced replay. */
  jobs: z.number().int().positive(),
  /** ISO 8601, of the last change. */
  at: z.string(),
});
export type LedgerEntry = z.output<typeof ledgerEntrySchema>;

/** A part of the ledger. */
export interface LedgerPage {
  /** Each with its file's name in the ledger, as {@link fileId} gives it. */
  readonly entries: readonly { readonly id: string; readonly entry: LedgerEntry }[];
  /** Where the next page starts; undefined at the end. */
  readonly next: string | undefined;
}

/**
 * The file ledger: which version of which file was ingested by which job.
 *
 * Files are known by bucket, key, ETag and size, so a re-uploaded `inventory.csv` with new content is a new file and
 * the same content again is not. A store that cannot answer is an error, never "not processed".
 */
export class StateService {
  readonly #kv: KVStore;
  readonly #clock: Clock;

  constructor(kv: KVStore, clock: Clock) {
    this.#kv = kv;
    this.#clock = clock;
  }

  /** The ledger's entry for this version of this file, if it has one. */
  getFile(file: IngestFile): Promise<LedgerEntry | undefined> {
    return readRecord(this.#kv, ["files", fileId(file)], ledgerEntrySchema);
  }

  /** Whether this version of this file was delivered to its end. */
  async isFileProcessed(file: IngestFile): Promise<boolean> {
    const entry = await this.getFile(file);
    return entry?.status === "completed" || entry?.status === "completed_with_errors";
  }

  /** Writes where this version of this file stands now. */
  async markFile(file: IngestFile, mark: Pick<LedgerEntry, "jobId" | "status" | "jobs">): Promise<void> {
    const entry: LedgerEntry = {
      v: 1,
      bucket: file.bucket,
      key: file.key,
      ...mark,
      at: new Date(this.#clock.now()).toISOString(),
    };
    await this.#kv.set(["files", fileId(file)], entry);
  }

  /** A page of the ledger, in one call of the store; an entry that can't be read is left out. */
  async page(after?: string): Promise<LedgerPage> {
    const page = await this.#kv.page(["files"], after);
    const entries = page.entries.flatMap(({ key, value }) => {
      const parsed = ledgerEntrySchema.safeParse(value);
      return parsed.success ? [{ id: key.at(-1)!, entry: parsed.data }] : [];
    });
    return { entries, next: page.next };
  }

  /** Forgets a file: should it come again, it is a new one. */
  async forgetFile(id: string): Promise<void> {
    await this.#kv.delete(["files", id]);
  }

  /** Closes the ledger for a file that was delivered: it is not ingested again unless forced. */
  async markFileProcessed(
    file: IngestFile,
    mark: { jobId: string; status?: "completed" | "completed_with_errors" },
  ): Promise<void> {
    const jobs = (await this.getFile(file))?.jobs ?? 1;
    await this.markFile(file, { jobId: mark.jobId, status: mark.status ?? "completed", jobs });
  }
}
