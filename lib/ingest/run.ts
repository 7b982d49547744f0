import { isTerminal, type JobRecord } from "../jobs/mod.ts";
import type { Owner } from "../state/mod.ts";
import { archive } from "./archive.ts";
import { confirm } from "./confirm.ts";
import { deliver } from "./deliver.ts";
import { awaitTurn } from "./feed_turn.ts";
import { idleNow, standstill } from "./idle.ts";
import { ingestState } from "./ingest_state.ts";
import { inspect } from "./inspect.ts";
import {
  afterFailure,
  endFailed,
  endReplaced,
  fail,
  failureOf,
  finish,
  leave,
  LOOK_AGAIN_MS,
  type SliceOutcome,
} from "./job_end.ts";
import { locate } from "./location.ts";
import { manifestKey } from "./manifest.ts";
import { dropPayloads } from "./payloads_ahead.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import { report } from "./report.ts";
import type { IngestRequest } from "./request.ts";
import { newRun, readRun, type RunRecord, type Step } from "./run_record.ts";
import { setHeldAside } from "./set_aside.ts";
import { ClaimLost, type StepOutcome, Work } from "./work.ts";

/**
 * Does one slice of a file's ingest: claims the job, goes on at the step where the last slice stopped, and works until
 * the slice's time is used up, the job is over, or there is something to wait for. May be called any number of times,
 * by any number of deliveries at once.
 *
 * @throws StateError when the store in which progress is kept doesn't answer: then nothing is known, and the platform
 * has to deliver the run again
 */
export async function runSlice(
  request: IngestRequest,
  owner: Owner,
  settings: Settings,
  ports: IngestPorts,
  state: IngestState = ingestState(ports, settings),
): Promise<SliceOutcome> {
  const { jobId } = request;
  const acquired = await state.claims.acquire(jobId, owner, ports.signal);
  if (acquired.kind === "theirs") {
    const job = await state.tracker.getJob(jobId);
    if (job && isTerminal(job.status)) return { kind: "finished", status: job.status };
    return { kind: "not-ours", afterMs: Math.max(acquired.until - ports.clock.now(), LOOK_AGAIN_MS) };
  }
  const { claim } = acquired;
  const job = await state.tracker.createJob(jobId, {
    triggeredBy: request.triggeredBy,
    reference: request.reference,
    parent: request.parent,
    stage: "queued",
    details: { file: request.file, feed: request.feed },
  });
  if (isTerminal(job.status)) {
    await claim.release();
    // Whoever ended it may not have come to start the version that replaced its file.
    const replaced = job.status === "cancelled" && (await readRun(ports.kv, jobId))?.replacedAt !== undefined;
    return { kind: "finished", status: job.status, ...(replaced ? { replaced } : {}) };
  }
  const work = new Work({
    request,
    settings,
    ports,
    stateOver: (own) => ({ ...ingestState(own, settings), claims: state.claims }),
    owner,
    claim,
    reopened: job.reopened,
    run: await placeOf(request, settings, ports, job),
  });
  try {
    const now = ports.clock.now();
    await work.save({
      slices: work.run.slices + 1,
      idle: idleNow(work.run, now),
      ...(claim.disturbed ? { disturbedAt: now } : {}),
    });
    if (work.run.failure) return await endFailed(work, failureOf(work.run.failure));
    if (work.run.replacedAt !== undefined) return await endReplaced(work);
    await work.checkCancelled();
    const stuck = standstill(work.run, settings, now);
    if (stuck) return await fail(work, stuck);
    if (!request.dryRun) await state.feeds.enter(request.feed, jobId, request.file);
    const outcome = await steps(work);
    if (outcome.kind === "unfinished") {
      // A resumed run waits for Fluent as long as a new one would.
      await work.save({ confirmingSince: undefined });
      await leave(work, "unfinished");
      const message =
        "Fluent has not finished before the deadline; the next trigger goes on where this one stopped";
      await work.showProgress({ stage: "unfinished", message }, true);
    }
    if (outcome.kind === "finished" || outcome.kind === "unfinished") await claim.release();
    else await claim.handOver();
    return outcome;
  } catch (error) {
    return await orNotOurs(() => afterFailure(work, error));
  } finally {
    await dropPayloads(work);
  }
}

/** While a failure is dealt with, another delivery may turn out to have taken over. */
async function orNotOurs(deal: () => Promise<SliceOutcome>): Promise<SliceOutcome> {
  try {
    return await deal();
  } catch (error) {
    if (error instanceof ClaimLost) return { kind: "not-ours", afterMs: LOOK_AGAIN_MS };
    throw error;
  }
}

/**
 * Where the run stands: its record, or a new one. A job that was opened again starts without stalls, and anew where it
 * had come to its end; one whose last slice died at the very end only has that end to repeat.
 */
async function placeOf(
  request: IngestRequest,
  settings: Settings,
  ports: IngestPorts,
  { status, reopened }: JobRecord,
): Promise<RunRecord> {
  const found = await readRun(ports.kv, request.jobId);
  const run = found && { ...found, ...(found.failure?.reopened === reopened ? {} : { failure: undefined }) };
  if (run && (run.step !== "done" || status !== "queued")) {
    return status === "queued" ? { ...run, stalls: 0, stalledSince: undefined, idle: undefined } : run;
  }
  const places = run?.places ?? (request.at ? [request.at] : []);
  // A trigger that looked before the file was delivered, and spoke after: there is nothing left to do but say so again.
  if (run?.archivedAs !== undefined && !(await locate(ports.store, request.file, places, ports.signal))) {
    return run;
  }
  return {
    ...newRun(request.jobId, manifestKey(settings.s3WorkPrefix, request.jobId)),
    ...(places.length > 0 ? { places } : {}),
  };
}

/** The steps from where the run stands to its end, or to something to wait for. */
async function steps(work: Work): Promise<SliceOutcome> {
  while (work.run.step !== "done") {
    const step = work.run.step;
    const startedAt = work.ports.clock.now();
    let outcome: StepOutcome;
    try {
      const { observer } = work.ports;
      outcome = await (observer ? observer.step(step, () => STEP[step](work)) : STEP[step](work));
    } finally {
      const spent = (work.run.spent[step] ?? 0) + work.ports.clock.now() - startedAt;
      work.run.spent = { ...work.run.spent, [step]: spent };
    }
    if (outcome.kind === "back") {
      await work.save({ step: outcome.to });
      continue;
    }
    if (outcome.kind !== "done") {
      await work.save({});
      return outcome;
    }
    work.progressed();
    await work.save({ step: stepAfter(step, work) });
    if (work.expired && stepAfter(step, work) !== "done") return { kind: "again", afterMs: 0 };
  }
  return { kind: "finished", status: await finish(work) };
}

const STEP: Readonly<Record<Exclude<Step, "done">, (work: Work) => Promise<StepOutcome>>> = {
  inspect,
  turn: awaitTurn,
  deliver,
  confirm,
  report,
  archive: (work) => work.run.heldBecause ? setHeldAside(work) : archive(work),
};

/** A file that is held, or only looked at, is reported on; what is only looked at stays where it is. */
function stepAfter(step: Exclude<Step, "done">, work: Work): Step {
  const onlyReport = work.run.heldBecause !== undefined || work.request.dryRun;
  switch (step) {
    case "inspect":
      return onlyReport ? "report" : "turn";
    case "turn":
      return onlyReport ? "report" : "deliver";
    case "deliver":
      return "confirm";
    case "confirm":
      return "report";
    case "report":
      if (work.run.heldBecause && !work.request.dryRun && work.settings.heldFiles === "move") {
        return "archive";
      }
      return onlyReport ? "done" : "archive";
    case "archive":
      return "done";
  }
}
