import { ConnectorError, messageOf } from "../base/mod.ts";
import { FluentApiError, type SendPermit, WrittenBatch } from "../fluent/mod.ts";
import { halvesOf, type Range, REFUSALS_WITHOUT_ACCEPTANCE } from "../recovery/mod.ts";
import { writeFailedRows } from "./failed_rows.ts";
import { type FluentSession, tell } from "./fluent_session.ts";
import { Journal, type Unit } from "./journal.ts";
import type { UnitEntry } from "./journal_record.ts";
import type { Manifest } from "./manifest.ts";
import { type ReadyPayload, requestOf, rowsIn } from "./payloads.ts";
import type { Prefetch } from "./prefetch.ts";
import type { Work } from "./work.ts";

/** Why sending stopped: nothing left, the slice's time (or Fluent's patience) is over, or the Fluent job was closed. */
export type SendingEnd =
  | { readonly kind: "done" }
  | { readonly kind: "expired"; readonly afterMs: number }
  | { readonly kind: "job-closed" };

/** Failures in a row after which a slice gives up, whatever the circuit breaker says. */
const FAILURES_IN_A_ROW = 8;
/** First pause after a failure, doubled with each further one in a row. */
const PAUSE_MS = 500;
const MAX_PAUSE_MS = 4_000;
/** A batch that Fluent answers with 5xx so many times, while others get through, is taken for refused. */
const TRIES_OF_A_BATCH = 4;
/** Changes that may wait for the journal, in multiples of the ceiling: what a crash can leave in doubt is bounded. */
const UNWRITTEN_PER_PLACE = 4;

/** Failures in a row, over everything a slice sends. */
export class Trouble {
  inARow = 0;
  last: unknown;

  over(): void {
    this.inARow = 0;
    this.last = undefined;
  }
}

interface Tools {
  readonly manifest: Manifest;
  readonly journal: Journal;
  readonly session: FluentSession;
  readonly payloads: Prefetch<ReadyPayload>;
  readonly trouble: Trouble;
  /** Units in doubt that were asked for and are not in Fluent; whether sending one is a re-send. */
  readonly absent: Map<string, { readonly resent: boolean }>;
}

type Sent = "accepted" | "refused" | "ambiguous" | "stopped";

/** The name of a unit, among those of its job. */
export function unitName({ index, part }: Pick<Unit, "index" | "part">): string {
  return part === undefined ? String(index) : `${index}/${part}`;
}

/** Whether a unit is to be sent. */
export function isSendable(unit: Unit, absent: ReadonlyMap<string, unknown>): boolean {
  return unit.entry.state === "planned" || (Journal.inDoubt(unit) && absent.has(unitName(unit)));
}

/**
 * Sends batches, as many at once and as fast as the window says. The journal is written beside the sending: a batch is
 * sent only once it is stored that it may be, and what became of it is stored while others are under way.
 */
export class BatchSender {
  readonly #work: Work;
  readonly #tools: Tools;
  readonly #job: number;
  readonly #fluentJobId: string;
  readonly #stop = new AbortController();
  #end: SendingEnd = { kind: "done" };
  #failure: { readonly error: unknown } | undefined;
  #refusals = 0;
  #showing: Promise<void> = Promise.resolve();
  #accepted = 0;
  readonly #acceptedBefore: boolean;
  #sent: Set<number>;

  constructor(work: Work, tools: Tools) {
    this.#work = work;
    this.#tools = tools;
    this.#job = work.run.fluentJobs.length - 1;
    this.#fluentJobId = work.run.fluentJobs[this.#job]!;
    const units = [...tools.journal.units()];
    this.#acceptedBefore = [...tools.journal.allUnits()]
      .some(({ entry }) => entry.state === "accepted" || entry.state === "settled");
    const unsent = new Set(units.filter(Journal.isOpen).map(({ index }) => index));
    this.#sent = new Set(units.map(({ index }) => index).filter((index) => !unsent.has(index)));
    work.run.batches.sent = this.#sent.size;
  }

  /** @throws what stopped it, once nothing is under way any more */
  async run(): Promise<SendingEnd> {
    const workers = Array.from(
      { length: this.#work.settings.sendConcurrency },
      () => this.#worker().catch((error: unknown) => this.#fail(error)),
    );
    await Promise.all(workers);
    await this.#showing;
    if (this.#failure) throw this.#failure.error;
    return this.#end;
  }

  /** Shows progress beside the sending, one after the other. */
  #show(): void {
    const show = () => this.#work.showProgress({ stage: "deliver", message: sentMessage(this.#work) });
    this.#showing = this.#showing.then(show).catch((error: unknown) => this.#fail(error));
  }

  get #over(): boolean {
    if (this.#stop.signal.aborted) return true;
    if (this.#work.expired) this.#stopFor({ kind: "expired", afterMs: 0 });
    return this.#stop.signal.aborted;
  }

  async #worker(): Promise<void> {
    while (!this.#over) {
      const payload = await this.#tools.payloads.next();
      if (!payload) return;
      await this.#sendBatch(payload);
    }
  }

  /** Sends a batch whole, or the parts of it that are left, the widest first. */
  async #sendBatch(payload: ReadyPayload): Promise<void> {
    const { journal, absent } = this.#tools;
    for (;;) {
      const units = journal.unitsOf(payload.index).filter((unit) => isSendable(unit, absent));
      const unit = units.toSorted((a, b) => (b.range?.rows ?? 0) - (a.range?.rows ?? 0))[0];
      if (!unit) break;
      const batch = unit.range === undefined ? payload.written : await this.#part(payload, unit.range);
      if (this.#isTooLarge(batch) && await this.#halve(unit, batch.rows)) continue;
      const sent = await this.#send(unit, batch, payload);
      if (sent === "stopped") return;
    }
    if (journal.unitsOf(payload.index).some(Journal.isOpen)) return;
    this.#sent.add(payload.index);
    this.#work.run.batches.sent = this.#sent.size;
    this.#show();
  }

  async #part(payload: ReadyPayload, range: Range): Promise<WrittenBatch> {
    const rows = rowsIn(await payload.rows(), range);
    return new WrittenBatch(requestOf(this.#tools.manifest, this.#work.settings, rows));
  }

  async #send(unit: Unit, batch: WrittenBatch, payload: ReadyPayload): Promise<Sent> {
    const { session, journal, absent } = this.#tools;
    const doubt = absent.get(unitName(unit));
    let refusal: unknown;
    for (;;) {
      await this.#announce(unit);
      const permit = await this.#permit(refusal);
      if (!permit) return "stopped";
      let id: string;
      try {
        ({ id } = await session.port.sendBatch(this.#fluentJobId, batch, session.once));
      } catch (error) {
        const verdict = tell(permit, error);
        if (error instanceof FluentApiError && error.code === "fluent-job-closed") {
          this.#stopFor({ kind: "job-closed" });
          return "stopped";
        }
        switch (verdict) {
          case "slow-down":
            refusal = error;
            continue;
          case "passing":
            if (await this.#pause(error)) continue;
            return "stopped";
          case "in-doubt": {
            const tries = triesOf(journal, unit) + 1;
            this.#sentAgain(unit, doubt);
            if (!this.#isPoison(tries, error)) {
              await journal.set(unit, { state: "ambiguous", job: this.#job, tries });
              return await this.#pause(error) ? "ambiguous" : "stopped";
            }
            await this.#refused(unit, payload, error);
            return "refused";
          }
          case "refused":
            this.#sentAgain(unit, doubt);
            await this.#refused(unit, payload, error);
            return "refused";
          case "stop":
          case "unknown":
            throw error;
        }
      }
      permit.worked();
      this.#tools.trouble.over();
      this.#accepted++;
      this.#work.progressed();
      this.#sentAgain(unit, doubt);
      await this.#note(unit, { state: "accepted", job: this.#job, batchId: id });
      return "accepted";
    }
  }

  /** Nothing is sent before it is stored that it may have been. */
  async #announce(unit: Unit): Promise<void> {
    const { journal } = this.#tools;
    const { sendConcurrency } = this.#work.settings;
    if (unit.part === undefined) await journal.issue(unit.index, sendConcurrency);
    else if (unit.entry.state === "planned") {
      await journal.set(unit, { state: "ambiguous", job: this.#job, tries: 0 });
    }
  }

  /** @param refusal the "too many requests" this unit was refused with before */
  async #permit(refusal: unknown): Promise<SendPermit | undefined> {
    let permit: SendPermit | undefined;
    try {
      permit = await this.#tools.session.window.acquire(this.#stop.signal, this.#work.endsAt);
    } catch (error) {
      if (this.#stop.signal.aborted) return undefined;
      throw error;
    }
    if (!permit) {
      // Fluent's patience ends after this slice.
      if (refusal !== undefined) this.#fail(refusal);
      else this.#stopFor({ kind: "expired", afterMs: this.#tools.session.window.waitMs });
      return undefined;
    }
    try {
      if (!this.#over) {
        await this.#work.keepClaim((error) => this.#fail(error));
        return permit;
      }
    } catch (error) {
      permit.unused();
      throw error;
    }
    permit.unused();
    return undefined;
  }

  /** A unit that was in doubt is so no more, or anew. */
  #sentAgain(unit: Unit, doubt: { readonly resent: boolean } | undefined): void {
    this.#tools.absent.delete(unitName(unit));
    if (doubt?.resent) this.#work.run.batches.resent++;
  }

  async #note(unit: Unit, entry: UnitEntry): Promise<void> {
    const { journal } = this.#tools;
    const stored = journal.set(unit, entry);
    stored.catch((error: unknown) => this.#fail(error));
    if (journal.unwritten > UNWRITTEN_PER_PLACE * this.#work.settings.sendConcurrency) await stored;
  }

  /** Waits after a failure; false when the slice should end. */
  async #pause(error: unknown): Promise<boolean> {
    const { trouble } = this.#tools;
    const failures = ++trouble.inARow;
    trouble.last = error;
    const open = error instanceof FluentApiError && error.code === "fluent-circuit-open";
    if (open || failures >= FAILURES_IN_A_ROW) {
      this.#fail(error);
      return false;
    }
    const { clock, random } = this.#work.ports;
    const ms = Math.min(PAUSE_MS * 2 ** (failures - 1), MAX_PAUSE_MS) * (0.5 + random() / 2);
    this.#work.ports.log.warn("a batch failed, going on", {
      jobId: this.#work.request.jobId,
      error: messageOf(error),
      pauseMs: ms,
    });
    if (clock.now() + ms >= this.#work.endsAt) return !this.#over;
    await clock.sleep(ms, this.#work.ports.signal);
    return true;
  }

  /** Whether it must be the batch, because the API answers others, or is asked for nothing else any more. */
  #isPoison(tries: number, error: unknown): boolean {
    const status = error instanceof FluentApiError ? error.status ?? 0 : 0;
    const others = this.#accepted > 0 || this.#sent.size >= this.#work.run.batches.total - 1;
    return tries >= TRIES_OF_A_BATCH && status >= 500 && status !== 503 && others;
  }

  /** Fluent refused these rows: they are halved until the bad ones stand alone. */
  async #refused(unit: Unit, payload: ReadyPayload, error: unknown): Promise<void> {
    const { manifest } = this.#tools;
    this.#tools.trouble.over();
    this.#refusals++;
    if (!this.#acceptedBefore && this.#accepted === 0 && this.#refusals >= REFUSALS_WITHOUT_ACCEPTANCE) {
      throw refusesAll(this.#refusals, error);
    }
    if (await this.#halve(unit, unit.range?.rows ?? payload.written.rows)) return;
    const rows = rowsIn(await payload.rows(), unit.range);
    const reason = error instanceof FluentApiError ? error.reason ?? messageOf(error) : messageOf(error);
    const code = rows.length > 1 ? "fluent-batch-refused" : codeOf(error);
    await writeFailedRows(
      this.#work,
      { index: unit.index, from: unit.range?.from },
      payload.bytes,
      manifest.batches[unit.index]!,
      rows.map((row) => ({ row, code, message: reason })),
    );
    await this.#note(unit, { state: "refused", reason });
    this.#work.progressed();
  }

  /** Puts both halves in the place of a unit; false when that cannot be. */
  async #halve(unit: Unit, rows: number): Promise<boolean> {
    const halves = halvesOf(unit.range ?? { from: 0, rows });
    return halves !== undefined && await this.#tools.journal.split(unit, halves);
  }

  #isTooLarge({ body, rows }: WrittenBatch): boolean {
    const { maxRequestBytes } = this.#work.settings;
    // No text has more than three bytes per UTF-16 unit: most need no counting.
    if (rows < 2 || body.length * 3 <= maxRequestBytes) return false;
    return new TextEncoder().encode(body).length > maxRequestBytes;
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#stop.abort();
  }

  #stopFor(end: SendingEnd): void {
    if (this.#stop.signal.aborted) return;
    this.#end = end;
    this.#stop.abort();
  }
}

function triesOf(journal: Journal, { index, part = 0 }: Unit): number {
  const entry = journal.unitsOf(index)[part]?.entry;
  return entry?.state === "ambiguous" ? entry.tries : 0;
}

function codeOf(error: unknown): string {
  if (error instanceof FluentApiError && error.status !== undefined) return `fluent-${error.status}`;
  return error instanceof ConnectorError ? error.code : "fluent-batch-refused";
}

function refusesAll(refusals: number, error: unknown): ConnectorError {
  return new ConnectorError(
    `Fluent refuses everything this file was sent as, ${refusals} requests so far: ${
      messageOf(error)
    }; nothing was ` +
      "taken, so it is not a row: check fluentEvent, fluentRetailerId and the mapping",
    { code: "fluent-refuses-everything", retry: "never", details: { refusals }, cause: error },
  );
}

export function sentMessage(work: Work): string {
  const { sent, total } = work.run.batches;
  return `Sent ${sent} of ${total} batches`;
}
