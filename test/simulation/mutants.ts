/**
 * Bugs to be put into the connector on purpose, each of which must turn the simulation red. `deno task mutants` puts
 * them in, one after the other, in a copy of the code, and prints which were caught.
 *
 * @module
 */

/** One deliberate bug: a text of one file, and what is put in its place. */
export interface Mutant {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const step = (name: string, file: string, find: string, replace: string): Mutant => ({
  name,
  file: `lib/${file}`,
  find,
  replace,
});

export const MUTANTS: readonly Mutant[] = [
  step(
    "drop the last row of each batch",
    "ingest/payloads.ts",
    "rows.map((row): FluentEntity => row.entity)",
    "rows.slice(0, -1).map((row): FluentEntity => row.entity)",
  ),
  step(
    "acknowledge early: take a running batch for complete",
    "ingest/confirm.ts",
    'if (status !== undefined && progressOf(status) !== "complete") continue;',
    "",
  ),
  step(
    "ignore fencing: change things without looking at the claim",
    "ingest/work.ts",
    "guardedPorts(init.ports, () => this.#trusted())",
    "guardedPorts(init.ports, () => Promise.resolve())",
  ),
  step(
    "archive before confirm",
    "ingest/run.ts",
    'return "confirm";',
    'return onlyReport ? "report" : "archive";',
  ),
  step(
    "skip what is in doubt on resume",
    "ingest/batch_sender.ts",
    'return unit.entry.state === "planned" || (Journal.inDoubt(unit) && absent.has(unitName(unit)));',
    'return unit.entry.state === "planned" && !Journal.inDoubt(unit);',
  ),
  step(
    "forget superseded: send every row of a repeated key",
    "ingest/batch_reader.ts",
    "|| isSuperseded(item.line)) continue;",
    ") continue;",
  ),
  step(
    "take a claim that somebody has",
    "state/claims.ts",
    'if (live && !mayTakeOver(current, owner)) return { kind: "theirs", until: current.until };',
    "",
  ),
  step(
    "trust a claim at once",
    "state/claims.ts",
    "if (wait > 0) await this.#clock.sleep(wait, signal);",
    "void wait;",
  ),
  step(
    "deliver whoever comes first",
    "ingest/feed_turn.ts",
    "    else still.push(place);",
    "",
  ),
  step(
    "send an older file after a newer one",
    "ingest/feed_turn.ts",
    'return heldBecause && { kind: "too-late", heldBecause };',
    "return heldBecause && undefined;",
  ),
  step(
    "remove the source without a copy",
    "ingest/archive.ts",
    "if (!(await copyToArchive(work))) {",
    "if (work.settings.feed === undefined) {",
  ),
  step(
    "copy whatever is in the source's place",
    "ingest/verified_copy.ts",
    "{ ifMatch: from.etag, ...work.signal }",
    "work.signal",
  ),
  step(
    "remove a held file without a copy",
    "ingest/set_aside.ts",
    "const copy = made ?? await copyVerified(work, from, target);",
    "const copy = made ?? { ...from, key: target };",
  ),
  step(
    "overwrite what is in the archive",
    "ingest/verified_copy.ts",
    "if ((await work.ports.store.statFile(name, work.signal)) === undefined) return name;",
    "if (name !== undefined) return name;",
  ),
  step(
    "remove a source that is another version by now",
    "ingest/set_aside.ts",
    "if (source && source.etag === file.etag && source.size === file.size) {",
    "if (source) {",
  ),
  step(
    "send without saying so first",
    "ingest/batch_sender.ts",
    "if (unit.part === undefined) await journal.issue(unit.index, sendConcurrency);",
    "if (unit.part === undefined) void sendConcurrency;",
  ),
  step(
    "call a file with failed rows completed",
    "ingest/report.ts",
    "return rejected + failed + unconfirmed > 0",
    "return rejected + unconfirmed > 0 && failed >= 0",
  ),
  step(
    "start anew after a crash at the very end",
    "ingest/run.ts",
    '(run.step !== "done" || status !== "queued")',
    'run.step !== "done"',
  ),
  step(
    "enter a file in the ledger without giving it a place",
    "ingest/discover.ts",
    "  await state.feeds.enter(settings.feed, jobId, file);\n",
    "",
  ),
  step(
    "believe in a claim since the slice began, not since it was seen",
    "ingest/work.ts",
    "this.#claimSeenAt = init.claim.seenAt;",
    "this.#claimSeenAt = now;",
  ),
  step(
    "give up a job whose source is gone",
    "ingest/job_end.ts",
    "const must = work.run.removingSource === true;",
    "const must = false;",
  ),
  step(
    "end a run that found another at work",
    "ingest/run.ts",
    'return { kind: "not-ours", afterMs: Math.max(acquired.until - ports.clock.now(), LOOK_AGAIN_MS) };',
    'return { kind: "unfinished" };',
  ),
  step(
    "leave the run's place where it was",
    "ingest/run.ts",
    "await work.save({ step: stepAfter(step, work) });",
    "work.run.step = stepAfter(step, work);",
  ),
  step(
    "deliver a partition although its file has lost its turn",
    "ingest/work.ts",
    "    await this.partition?.check();\n",
    "",
  ),
  step(
    "deliver the whole file in every partition",
    "ingest/partition_run.ts",
    "      only: rangeOf(plan, number, total),\n",
    "",
  ),
  step(
    "give every partition the feed's whole ceiling",
    "ingest/partition_run.ts",
    "const ceiling = ceilingOf(settings, open.indexOf(asked.partition), open.length);",
    "const ceiling = ceilingOf(settings, 0, Math.min(1, open.length));",
  ),
  step(
    "take another partition's batch for one's own",
    "ingest/lost_answers.ts",
    "const isOnlySender = hasOwnJobs(work) && work.partition === undefined;",
    "const isOnlySender = hasOwnJobs(work);",
  ),
];
