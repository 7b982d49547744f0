import { ConnectorError } from "../base/mod.ts";
import type { Settings } from "../config/mod.ts";
import { isTerminal, type JobUpdate } from "../jobs/mod.ts";
import type { Claim, KVStore, Owner } from "../state/mod.ts";
import { checkCancelled, JobCancelled } from "./cancel.ts";
import { guardedPorts } from "./guarded_ports.ts";
import { locate, type Location } from "./location.ts";
import { type Manifest, readManifest, writeManifest } from "./manifest.ts";
import type { PayloadsAhead } from "./payloads_ahead.ts";
import type { IngestPorts, IngestState } from "./ports.ts";
import type { IngestRequest } from "./request.ts";
import { type RunRecord, writeRun } from "./run_record.ts";
import { isOwnCopy, type Source } from "./source.ts";

/** What a step says when it stops. */
export type StepOutcome =
  /** The step is complete; the next one may begin. */
  | { readonly kind: "done" }
  /** There is more to do: go on after this many milliseconds. */
  | { readonly kind: "again"; readonly afterMs: number }
  /** Something of an earlier step turned out not to be done. */
  | { readonly kind: "back"; readonly to: "turn" | "deliver" }
  /** The deadline for Fluent's results has passed; a later run may go on. */
  | { readonly kind: "unfinished" };

/** Another run has taken the claim: nothing more may be done here. */
export class ClaimLost extends ConnectorError {
  override name = "ClaimLost";
  constructor(jobId: string) {
    super(`Another run has taken over job '${jobId}'`, {
      code: "claim-lost",
      retry: "never",
      details: { jobId },
    });
  }
}

/** How long a claim that was seen to be ours is believed, in milliseconds: far less than its lease. */
const CLAIM_BELIEVED_MS = 2_000;
/** After this long without having been seen, in milliseconds, a claim has to be looked up before the next effect. */
const CLAIM_TRUSTED_MS = 3_000;
/** How often progress is written to the job, in milliseconds. */
const PROGRESS_EVERY_MS = 500;

/** What a run that delivers only a partition of the file does otherwise. */
export interface PartitionPlace {
  /** Keeps its place, which is not the file's. */
  write(kv: KVStore, run: RunRecord): Promise<void>;
  /** Asked with each look at the claim. @throws when the partition may not be delivered now */
  check(): Promise<void>;
}

/** One slice of one run: its request, its place, and the time it has left. */
export class Work {
  readonly request: IngestRequest;
  readonly settings: Settings;
  readonly ports: IngestPorts;
  readonly state: IngestState;
  readonly owner: Owner;
  readonly claim: Claim;
  /** How often the job was opened again. */
  readonly reopened: number;
  /** Set where this run delivers only a partition of the file. */
  readonly partition: PartitionPlace | undefined;
  run: RunRecord;
  /** What was made before deliver begins. */
  payloadsAhead: PayloadsAhead | undefined;
  readonly #endsAt: number;
  #claimSeenAt: number;
  #cancelled = false;
  #checking: Promise<void> | undefined;
  #progressAt = 0;
  #saving: Promise<void> = Promise.resolve();
  #source: Promise<Location | undefined> | undefined;
  #manifest: Promise<Manifest> | undefined;

  constructor(init: {
    request: IngestRequest;
    settings: Settings;
    ports: IngestPorts;
    /** The connector's state over the ports the slice changes things through. */
    stateOver: (ports: IngestPorts) => IngestState;
    owner: Owner;
    claim: Claim;
    reopened: number;
    run: RunRecord;
    partition?: PartitionPlace;
  }) {
    this.request = init.request;
    this.settings = init.settings;
    this.ports = guardedPorts(init.ports, () => this.#trusted());
    this.state = init.stateOver(this.ports);
    this.owner = init.owner;
    this.claim = init.claim;
    this.reopened = init.reopened;
    this.run = init.run;
    this.partition = init.partition;
    const now = init.ports.clock.now();
    this.#endsAt = now + init.settings.sliceSeconds * 1_000;
    this.#claimSeenAt = init.claim.seenAt;
  }

  /** Milliseconds since the epoch: when this slice should stop at the next good place. */
  get endsAt(): number {
    return this.#endsAt;
  }

  /** Something was achieved: failures and slices without progress before it count no more. */
  progressed(): void {
    const { stalledSince, idle } = this.run;
    this.run.stalls = 0;
    if (stalledSince !== undefined || idle) {
      this.run = { ...this.run, stalledSince: undefined, idle: undefined };
    }
  }

  /** Whether this slice should stop at the next good place. */
  get expired(): boolean {
    return this.ports.clock.now() >= this.#endsAt;
  }

  /** Whether failures have gone on for as long as a job is given without progress. */
  get outOfPatience(): boolean {
    const since = Date.parse(this.run.stalledSince ?? "");
    return this.ports.clock.now() - since >= this.settings.stallTimeoutMinutes * 60_000;
  }

  /** Where the file lies now, looked up once a slice; undefined when this version of it is nowhere any more. */
  source(): Promise<Location | undefined> {
    const { ports, request, run } = this;
    return this.#source ??= locate(ports.store, request.file, run.places ?? [], ports.signal);
  }

  /** The file has been moved or removed. */
  moved(): void {
    this.#source = undefined;
  }

  /** Where to read the file: where it lies, or where it arrived if that is not known to have changed. */
  async readable(): Promise<Location> {
    const { key, etag, size } = this.request.file;
    const moved = (this.run.places ?? []).length > 0 ? await this.source() : undefined;
    return moved ?? { key, etag, size };
  }

  /** Stores what inspect found. */
  async storeManifest(manifest: Manifest): Promise<void> {
    await writeManifest(this.ports.store, this.run.manifestKey, manifest);
    this.#manifest = Promise.resolve(manifest);
  }

  /** What inspect found, read at most once a slice. */
  async storedManifest(): Promise<Manifest> {
    const { store, signal } = this.ports;
    const reading = this.#manifest ??= readManifest(store, this.run.manifestKey, signal);
    try {
      return await reading;
    } catch (error) {
      this.#manifest = undefined;
      throw error;
    }
  }

  /** What inspect found, with the file's bytes where they lie now. */
  async manifest(): Promise<Manifest> {
    const manifest = await this.storedManifest();
    return { ...manifest, source: await this.whereNow(manifest.source) };
  }

  /** The place of what was read: a copy of the connector's own, or the file, which may have been moved since. */
  async whereNow(source: Source): Promise<Source> {
    return isOwnCopy(source, this.request.jobId) ? source : await this.readable();
  }

  /** The signal to hand on to whatever waits. */
  get signal(): { signal?: AbortSignal } {
    return this.ports.signal ? { signal: this.ports.signal } : {};
  }

  /**
   * Changes the run's place and stores it; one write after the other, so that the last change stays.
   *
   * @throws ClaimLost when another delivery has taken over: its view of the run is the newer one
   */
  save(change: Partial<RunRecord>): Promise<void> {
    this.run = { ...this.run, ...change };
    const { kv } = this.ports;
    const write = () => this.partition ? this.partition.write(kv, this.run) : writeRun(kv, this.run);
    return this.#saving = this.#saving.then(write, write);
  }

  /**
   * Makes sure, before an effect that matters, that this run still owns the job.
   *
   * @throws ClaimLost
   */
  async checkClaim(fresh = false): Promise<void> {
    if (!fresh && this.ports.clock.now() - this.#claimSeenAt < CLAIM_BELIEVED_MS) return;
    this.#checking ??= this.#renew().finally(() => this.#checking = undefined);
    await this.#checking;
  }

  /**
   * As `checkClaim`, without waiting as long as the claim was seen to be ours lately: it is looked up beside the work,
   * and `lost` hears of it when that fails.
   */
  keepClaim(lost: (error: unknown) => void): Promise<void> {
    const age = this.ports.clock.now() - this.#claimSeenAt;
    if (age < CLAIM_BELIEVED_MS) return Promise.resolve();
    const checked = this.checkClaim();
    if (age >= CLAIM_TRUSTED_MS) return checked;
    checked.catch(lost);
    return Promise.resolve();
  }

  /** Nothing is changed by a slice whose claim was not seen lately, however long its process stood still. */
  async #trusted(): Promise<void> {
    while (this.ports.clock.now() - this.#claimSeenAt >= CLAIM_TRUSTED_MS) await this.checkClaim(true);
  }

  async #renew(): Promise<void> {
    const askedAt = this.ports.clock.now();
    if (!(await this.claim.renew())) throw new ClaimLost(this.request.jobId);
    await this.partition?.check();
    this.#claimSeenAt = askedAt;
    await this.checkCancelled();
  }

  /**
   * Stops a job that was cancelled, as long as there is something left to stop.
   *
   * @throws JobCancelled
   */
  async checkCancelled(): Promise<void> {
    const { step } = this.run;
    if (this.#cancelled || step === "report" || step === "archive" || step === "done") return;
    try {
      await checkCancelled(this.ports.kv, this.request.jobId, this.reopened);
    } catch (error) {
      // What ends the job has still to be written.
      if (error instanceof JobCancelled) this.#cancelled = true;
      throw error;
    }
  }

  /** Stores the run's numbers and shows them in the job; at most every half second unless `now`. */
  async showProgress(update: JobUpdate, now = false): Promise<void> {
    const time = this.ports.clock.now();
    if (!now && time - this.#progressAt < PROGRESS_EVERY_MS) return;
    this.#progressAt = time;
    await this.save({});
    // What people see of the file is written by its own run.
    if (this.partition) return;
    const job = await this.state.tracker.getJob(this.request.jobId);
    if (!job || isTerminal(job.status)) return;
    await this.state.tracker.updateJob(this.request.jobId, {
      status: "processing",
      ...update,
      details: { ...this.facts(), ...update.details },
    });
  }

  /** What a person wants to see of a run, for the job's details. */
  facts(): Record<string, unknown> {
    const { run, request } = this;
    return {
      file: { ...request.file, sha256: run.sha256 ?? null },
      feed: request.feed,
      dryRun: request.dryRun,
      rows: run.rows,
      batches: run.batches,
      fluentJobs: run.fluentJobs,
      spent: run.spent,
      retries: run.retries,
      ...(request.as ? { as: request.as } : {}),
      ...(run.mapping ? { mapping: run.mapping } : {}),
      // Said either way: details are merged, and a released file must not look held any more.
      heldBecause: run.heldBecause ?? null,
      ...(run.warnings ? { warnings: run.warnings } : {}),
      ...(run.reports ? { reports: run.reports } : {}),
      ...(run.archivedAs ? { archivedAs: run.archivedAs } : {}),
      movedTo: run.places?.at(-1)?.key ?? null,
      ...(request.force ? { forced: request.force } : {}),
    };
  }
}
