import { isTerminal } from "../jobs/mod.ts";
import type { Place } from "../state/mod.ts";
import { guardAgainstFeed } from "./guards.ts";
import type { HeldBecause } from "./manifest.ts";
import { beginPayloads } from "./payloads_ahead.ts";
import type { StepOutcome, Work } from "./work.ts";

/** Whether a file may be delivered now. */
type Turn =
  | { readonly kind: "now" }
  /** Others go first; to be asked again after this many milliseconds. */
  | { readonly kind: "wait"; readonly afterMs: number }
  /** What was sent of the feed meanwhile speaks against it: it would put old stock in place of new, or wipe some. */
  | { readonly kind: "too-late"; readonly heldBecause: HeldBecause };

/** How far behind a list of places may be, in milliseconds: a place is looked past only when it is older than that. */
const STALE_MS = 250;
const MAX_WAIT_MS = 30_000;

/** Waits until the file may be delivered: the step before delivering. A file that came too late is held. */
export async function awaitTurn(work: Work): Promise<StepOutcome> {
  await work.showProgress({ stage: "turn", message: "Asking for the file's turn in its feed" }, true);
  const turn = await takeTurn(work);
  switch (turn.kind) {
    case "now":
      return { kind: "done" };
    case "too-late":
      await work.save({ heldBecause: turn.heldBecause });
      return { kind: "done" };
    case "wait":
      await work.showProgress({ stage: "turn", message: "Waiting for an earlier file of the feed" }, true);
      return { kind: "again", afterMs: turn.afterMs };
  }
}

/** Whether the file still has its turn: nobody has given its place up, and nothing newer was sent meanwhile. */
export async function hasTurn(work: Work): Promise<boolean> {
  const { state, request } = work;
  const [place, late] = await Promise.all([
    state.feeds.placeOf(request.feed, request.jobId),
    lateness(work),
  ]);
  return place !== undefined && place.delivering && !place.left && late === undefined;
}

/**
 * Asks for the file's turn in its feed: one file at a time, the oldest first, and none after a newer one. Two runs that
 * ask at once are told apart by a claim on the feed.
 */
async function takeTurn(work: Work): Promise<Turn> {
  const { ports, state, request, owner } = work;
  const { feed, jobId, file } = request;
  const place = await state.feeds.placeOf(feed, jobId);
  if (place?.delivering && !place.left) return await lateness(work) ?? { kind: "now" };
  if (!place) await state.feeds.enter(feed, jobId, file);
  if ((await blocking(work)).length > 0) return await waiting(work);
  const asking = { run: `${owner.run}.${owner.attempt}`, attempt: ports.clock.now() };
  const acquired = await state.claims.acquire(`feed-${feed}`, asking, ports.signal);
  if (acquired.kind === "theirs") return { kind: "wait", afterMs: 1_000 };
  try {
    beginPayloads(work);
    const youngMs = (place?.since ?? ports.clock.now()) + STALE_MS - ports.clock.now();
    if (youngMs > 0) await ports.clock.sleep(youngMs, ports.signal);
    if ((await blocking(work)).length > 0) return await waiting(work);
    const late = await lateness(work);
    if (late) return late;
    if (!(await acquired.claim.renew())) return { kind: "wait", afterMs: 1_000 };
    await state.feeds.begin(feed, jobId, file);
    await state.history.noteBegun(feed, { jobId, ...file });
    return { kind: "now" };
  } finally {
    await acquired.claim.release();
  }
}

/** The places ahead that are not deserted. */
async function blocking(work: Work): Promise<Place[]> {
  const { state, request } = work;
  const places = await state.feeds.ahead(request.feed, request.jobId, request.file);
  const still: Place[] = [];
  for (const place of places) {
    if (await isDeserted(work, place)) await state.feeds.leave(request.feed, place.jobId);
    else still.push(place);
  }
  return still;
}

/** Whether nobody will ever give this place up: its job is over, or its file is no longer there to be taken again. */
async function isDeserted(work: Work, place: Place): Promise<boolean> {
  if (place.left || place.until > work.ports.clock.now()) return false;
  const job = await work.state.tracker.getJob(place.jobId);
  if (job && isTerminal(job.status)) return true;
  const file = await work.ports.store.statFile(place.key, work.signal);
  const aside = await work.state.aside.find(work.ports.store.bucket, place.key);
  if (aside?.jobId === place.jobId) return false;
  return file === undefined || file.lastModified.toISOString() !== place.lastModified;
}

async function waiting(work: Work): Promise<Turn> {
  const ahead =
    (await work.state.feeds.ahead(work.request.feed, work.request.jobId, work.request.file)).length;
  return { kind: "wait", afterMs: Math.min(MAX_WAIT_MS, 1_000 * Math.max(1, ahead)) };
}

/** What the files sent since this one was inspected say against sending it, unless somebody wants it all the same. */
async function lateness(work: Work): Promise<Turn | undefined> {
  const { state, request, settings, run } = work;
  if (request.force) return undefined;
  const against = {
    file: request.file,
    isSnapshot: run.isSnapshot ?? true,
    sendable: run.rows.sendable,
  };
  const heldBecause = guardAgainstFeed(against, settings, await state.history.get(request.feed));
  return heldBecause && { kind: "too-late", heldBecause };
}
