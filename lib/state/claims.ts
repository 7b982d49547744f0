import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

/** Who is working: one durable run, and which delivery of it. A later delivery takes over from an earlier one. */
export interface Owner {
  readonly run: string;
  readonly attempt: number;
}

const claimSchema = z.object({
  v: z.literal(1),
  run: z.string(),
  attempt: z.number().int(),
  /** Milliseconds since the epoch: the claim is void from then on. */
  until: z.number(),
});

/** Times of a claim, in milliseconds. */
export interface ClaimTimes {
  /** How long a claim lasts without being renewed; longer than a slice. Default 60,000. */
  leaseMs?: number;
  /**
   * How long to wait between writing a fresh claim and trusting it. It must exceed the time between another run's
   * read and its write. Default 1,000.
   */
  settleMs?: number;
}

/**
 * Exclusive, expiring claims over a store that has plain reads and writes only.
 *
 * A free claim is taken by writing one's name, waiting `settleMs` and finding the name still there (Fischer's
 * algorithm). That excludes two owners as long as no run stalls for `settleMs` between its read and its write; a run
 * that did stall finds out at its next `holds`, so what can happen at worst is a short overlap of two runs that share
 * one journal and one manifest, and so send the same bytes.
 */
export class Claims {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #leaseMs: number;
  readonly #settleMs: number;

  constructor(kv: KVStore, clock: Clock, times: ClaimTimes = {}) {
    this.#kv = kv;
    this.#clock = clock;
    this.#leaseMs = times.leaseMs ?? 60_000;
    this.#settleMs = times.settleMs ?? 1_000;
  }

  /** Takes or renews the claim on `name`. False when another run has it. */
  async acquire(name: string, owner: Owner, signal?: AbortSignal): Promise<boolean> {
    const current = await this.#read(name);
    const live = current !== undefined && current.until > this.#clock.now();
    if (live && current.run !== owner.run) return false;
    if (live && current.attempt > owner.attempt) return false;
    await this.#write(name, owner);
    // A live claim of an earlier delivery of the same run keeps every other run away: no need to settle.
    if (live) return true;
    await this.#clock.sleep(this.#settleMs, signal);
    if (!(await this.holds(name, owner))) return false;
    await this.#write(name, owner);
    return true;
  }

  /** Whether the claim is still this owner's: to be asked before every effect that matters. */
  async holds(name: string, owner: Owner): Promise<boolean> {
    const current = await this.#read(name);
    return current !== undefined && current.run === owner.run && current.attempt === owner.attempt &&
      current.until > this.#clock.now();
  }

  /** Prolongs a claim that is still this owner's. False when it is not. */
  async renew(name: string, owner: Owner): Promise<boolean> {
    if (!(await this.holds(name, owner))) return false;
    await this.#write(name, owner);
    return true;
  }

  /** Gives the claim up, if it is still this owner's. */
  async release(name: string, owner: Owner): Promise<void> {
    if (await this.holds(name, owner)) await this.#kv.delete(["claims", name]);
  }

  #read(name: string) {
    return readRecord(this.#kv, ["claims", name], claimSchema);
  }

  #write(name: string, owner: Owner): Promise<void> {
    const until = this.#clock.now() + this.#leaseMs;
    return this.#kv.set(["claims", name], { v: 1, run: owner.run, attempt: owner.attempt, until });
  }
}
