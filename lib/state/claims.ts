import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import type { Fence } from "./fence.ts";
import type { KVStore } from "./kv.ts";
import { readRecord } from "./record.ts";

/**
 * Fencing tokens that stay behind the one in force. Each takes a wait of its own to be passed, so that a reader which
 * sees as old a claim as that one is behind by more than reads may ever be.
 */
const TOKENS_KEPT = 32;

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
  /** Tells this delivery from any other, also from a second one of the same attempt. */
  token: z.string().default(""),
  /** The fencing token: one more with each owner. */
  fence: z.number().int().nonnegative().default(0),
  /** Milliseconds since the epoch: when this delivery ended in good order, the claim kept for the next one. */
  ended: z.number().optional(),
});
type ClaimRecord = z.output<typeof claimSchema>;

/** Times of a claim, in milliseconds. */
export interface ClaimTimes {
  /** How long a claim lasts without being renewed; longer than a slice. Default 60,000. */
  leaseMs?: number;
  /**
   * How long to wait between writing a fresh claim and trusting it, where there is no fence. It must exceed the time
   * between another run's read and its write, and twice what the store may be behind. Default 1,000.
   */
  settleMs?: number;
  /** How far behind what another process has written a read may be. Default 250. */
  staleMs?: number;
  /** How long an owner may believe in its claim without looking. Default 3,000. */
  believedMs?: number;
}

/** What came of trying to take a claim. */
export type Acquired =
  | { readonly kind: "ours"; readonly claim: Claim }
  /** Somebody else has it, at the latest until `until` (milliseconds since the epoch) unless it is renewed. */
  | { readonly kind: "theirs"; readonly until: number };

/**
 * Exclusive, expiring claims over a store that has plain reads and writes only.
 *
 * A free claim is taken by writing one's name, waiting and finding the name still there (Fischer's algorithm). That
 * excludes two owners as long as the time between a run's read and its write is shorter than the wait; a run that was
 * slower than half of it knows, and waits until another owner has had to look again. Where the object store can create
 * an object only if there is none (a {@link Fence}), creating the object named by the next fencing token decides
 * instead, and nothing has to be waited for.
 */
export class Claims {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #fence: Fence | undefined;
  readonly #times: Required<ClaimTimes>;

  constructor(
    kv: KVStore,
    clock: Clock,
    options: { random?: () => number; fence?: Fence | undefined; times?: ClaimTimes | undefined } = {},
  ) {
    this.#kv = kv;
    this.#clock = clock;
    this.#random = options.random ?? Math.random;
    this.#fence = options.fence;
    this.#times = { leaseMs: 60_000, settleMs: 1_000, staleMs: 250, believedMs: 3_000, ...options.times };
  }

  /** Takes the claim on `name`, or takes it over from an earlier delivery of the same run. */
  async acquire(name: string, owner: Owner, signal?: AbortSignal): Promise<Acquired> {
    const readAt = this.#clock.now();
    const current = await this.#read(name);
    const live = current !== undefined && current.until > this.#clock.now();
    if (live && !mayTakeOver(current, owner)) return { kind: "theirs", until: current.until };
    const token = `${owner.run}.${owner.attempt}.${Math.floor(this.#random() * 2 ** 32).toString(36)}`;
    let fence = (current?.fence ?? 0) + 1;
    if (this.#fence) {
      const taken = await this.#passFence(this.#fence, name, fence, owner, token, signal);
      if (taken === undefined) return { kind: "theirs", until: this.#clock.now() + this.#times.leaseMs };
      fence = taken;
    }
    const record: ClaimRecord = {
      v: 1,
      ...owner,
      token,
      fence,
      until: this.#clock.now() + this.#times.leaseMs,
    };
    await this.#kv.set(["claims", name], record);
    const disturbed = current !== undefined && current.ended === undefined;
    const claim = new Claim(
      { kv: this.#kv, clock: this.#clock, gate: this.#fence, leaseMs: this.#times.leaseMs },
      { name, owner, record, disturbed },
    );
    const tookMs = this.#clock.now() - readAt;
    const wait = this.#waitBeforeTrust(current, live, tookMs);
    if (wait > 0) await this.#clock.sleep(wait, signal);
    if (await claim.renew()) return { kind: "ours", claim };
    return { kind: "theirs", until: this.#clock.now() + this.#times.leaseMs };
  }

  /**
   * Removes a claim that nobody will ask for again: that of a job whose time is over. Whoever may still believe in it,
   * because its process stood still, finds it gone at its next look.
   *
   * @returns false when somebody has it: then it stays
   */
  async forget(name: string): Promise<boolean> {
    if (await this.isHeld(name)) return false;
    await this.#fence?.forget(name, Infinity);
    await this.#kv.delete(["claims", name]);
    return true;
  }

  /** Whether somebody has the claim. */
  async isHeld(name: string): Promise<boolean> {
    const current = await this.#read(name);
    return current !== undefined && current.until > this.#clock.now();
  }

  /** Removes the fencing tokens of a claim that were passed long ago, so that they don't grow in number for ever. */
  async trim(name: string): Promise<void> {
    const current = this.#fence && await this.#read(name);
    if (current) await this.#fence?.forget(name, current.fence - TOKENS_KEPT);
  }

  #waitBeforeTrust(current: ClaimRecord | undefined, live: boolean, tookMs: number): number {
    const { settleMs, staleMs, believedMs } = this.#times;
    const slow = !this.#fence && tookMs > settleMs / 2 ? believedMs : 0;
    // An earlier delivery that hasn't said it ended may still be at work, until it has to look at its claim again.
    if (live && current?.ended === undefined) return believedMs + staleMs;
    // What the one before wrote last must be seen by whoever goes on.
    if (live) return Math.max(staleMs, slow);
    if (this.#fence) return current === undefined ? 0 : staleMs;
    return settleMs + slow;
  }

  /** The first fencing token from `fence` on that nobody has; undefined when one of them belongs to a live owner. */
  async #passFence(
    gate: Fence,
    name: string,
    first: number,
    owner: Owner,
    token: string,
    signal: AbortSignal | undefined,
  ): Promise<number | undefined> {
    for (let fence = first;; fence++) {
      if (await gate.take(name, fence, { ...owner, token, at: this.#clock.now() }, signal)) return fence;
      const holder = await gate.holder(name, fence, signal);
      if (!holder) continue;
      const claim = await this.#read(name);
      if (claim?.token === holder.token && claim.until > this.#clock.now() && !mayTakeOver(claim, owner)) {
        return undefined;
      }
      // Its claim may not be visible yet, or its process died before it wrote one.
      const fresh = holder.at + this.#times.leaseMs > this.#clock.now();
      if (fresh && claim?.token !== holder.token && (claim === undefined || claim.fence < fence)) {
        return undefined;
      }
    }
  }

  #read(name: string): Promise<ClaimRecord | undefined> {
    return readRecord(this.#kv, ["claims", name], claimSchema);
  }
}

/** A claim that was taken. */
export class Claim {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #gate: Fence | undefined;
  readonly #leaseMs: number;
  readonly #record: ClaimRecord;
  readonly name: string;
  readonly owner: Owner;
  /** Milliseconds since the epoch: when it was last asked for and found to be ours. */
  seenAt = 0;
  /** Whether the owner before never said that it had ended: requests of it may still be under way. */
  readonly disturbed: boolean;

  constructor(
    parts: { kv: KVStore; clock: Clock; gate: Fence | undefined; leaseMs: number },
    taken: { name: string; owner: Owner; record: ClaimRecord; disturbed: boolean },
  ) {
    this.#kv = parts.kv;
    this.#clock = parts.clock;
    this.#gate = parts.gate;
    this.#leaseMs = parts.leaseMs;
    this.name = taken.name;
    this.owner = taken.owner;
    this.#record = taken.record;
    this.disturbed = taken.disturbed;
  }

  /** The fencing token: larger than that of every owner before. */
  get fence(): number {
    return this.#record.fence;
  }

  /** Whether the claim is still ours. */
  async holds(): Promise<boolean> {
    const current = await readRecord(this.#kv, ["claims", this.name], claimSchema);
    if (!current || current.token !== this.#record.token || current.until <= this.#clock.now()) return false;
    return this.#gate === undefined || !(await this.#gate.passed(this.name, this.fence));
  }

  /** Prolongs the claim if it is still ours. */
  async renew(): Promise<boolean> {
    const askedAt = this.#clock.now();
    if (!(await this.holds())) return false;
    this.seenAt = askedAt;
    await this.#write({ until: this.#clock.now() + this.#leaseMs });
    return true;
  }

  /** Keeps the claim for the run's next delivery, which may take it over without fear that this one still works. */
  async handOver(): Promise<void> {
    if (!(await this.holds())) return;
    const now = this.#clock.now();
    await this.#write({ until: now + this.#leaseMs, ended: now });
  }

  /** Gives the claim up. Its record stays, void, so that fencing tokens only ever grow. */
  async release(): Promise<void> {
    if (!(await this.holds())) return;
    const now = this.#clock.now();
    await this.#write({ until: now, ended: now });
  }

  #write(change: Partial<ClaimRecord>): Promise<void> {
    return this.#kv.set(["claims", this.name], { ...this.#record, ...change });
  }
}

/** Whether a live claim may be taken over: by a later delivery of its run, or by any of it once it has ended. */
function mayTakeOver(current: ClaimRecord, owner: Owner): boolean {
  if (current.run !== owner.run) return false;
  return current.attempt < owner.attempt ||
    (current.attempt === owner.attempt && current.ended !== undefined);
}
