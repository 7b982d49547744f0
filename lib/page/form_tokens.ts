import { Buffer } from "node:buffer";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import { type KVStore, readRecord } from "../state/mod.ts";

/** How long a confirmation may stand open, in milliseconds. */
const VALID_MS = 30 * 60_000;
const KEY = ["page", "form-secret"];
const secretSchema = z.object({ v: z.literal(1), secret: z.string().min(32) });

/**
 * Tokens that prove that a form was made by this page, for this action on this job by this person: a form of somebody
 * else's site can't have one, because it can't read our pages. Signed with a secret that is made once and kept in the
 * state store, so that any process can check what any other gave out.
 */
export class FormTokens {
  readonly #kv: KVStore;
  readonly #clock: Clock;
  readonly #random: (bytes: number) => Uint8Array;

  constructor(kv: KVStore, clock: Clock, random: (bytes: number) => Uint8Array = randomBytes) {
    this.#kv = kv;
    this.#clock = clock;
    this.#random = random;
  }

  /** @param purpose what the form is for, such as `replay job-1`, and whose it is */
  async give(purpose: readonly string[]): Promise<string> {
    const until = (this.#clock.now() + VALID_MS).toString(36);
    return `${until}.${this.#sign(await this.#secret(), until, purpose)}`;
  }

  /** Whether this token was given out for exactly this purpose, and is still good. */
  async check(token: string, purpose: readonly string[]): Promise<boolean> {
    const [until = "", signature = ""] = token.split(".");
    const expected = Buffer.from(this.#sign(await this.#secret(), until, purpose));
    const given = Buffer.from(signature);
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return false;
    return parseInt(until, 36) >= this.#clock.now();
  }

  #sign(secret: string, until: string, purpose: readonly string[]): string {
    return createHmac("sha256", secret).update(JSON.stringify([until, ...purpose])).digest("base64url");
  }

  async #secret(): Promise<string> {
    const kept = await readRecord(this.#kv, KEY, secretSchema);
    if (kept) return kept.secret;
    const secret = Buffer.from(this.#random(32)).toString("base64url");
    await this.#kv.set(KEY, { v: 1, secret });
    // Another process may have made one at the same moment: the one that is kept counts.
    return (await readRecord(this.#kv, KEY, secretSchema))?.secret ?? secret;
  }
}
