import type { PlatformOptionsInput } from "@versori/run/local";

/** One thing the platform's documents leave open, and the answers the whole flow is run under. */
export interface Unknown {
  readonly question: string;
  readonly answers: readonly PlatformOptionsInput[];
}

/**
 * Every open question of the platform that an option of the stand-in answers. The stand-in's defaults are the hardest
 * answers and are run as they are; here are the others, and the defaults again where they only bite with company.
 */
export const UNKNOWNS: readonly Unknown[] = [
  {
    question: "how long a trigger has, and whether its code goes on after the limit",
    answers: [
      { triggerTimeoutMs: 30_000, triggerRunOutlivesTimeout: false },
      { triggerTimeoutMs: 700, triggerRunOutlivesTimeout: true },
      { triggerTimeoutMs: 700, triggerRunOutlivesTimeout: false },
    ],
  },
  {
    question: "what a webhook in async mode answers",
    answers: [{ asyncResponseStatus: 200 }, { asyncResponseBody: "executionId" }],
  },
  {
    question: "what an error that nobody handles answers",
    answers: [{ uncaughtErrorStatus: 400 }, { uncaughtErrorBody: "message" }],
  },
  {
    question: "the largest request body",
    answers: [{ requestBodyLimitBytes: 1_000 }, { requestBodyLimitBytes: 10e6 }],
  },
  { question: "how long a request's body may take to arrive", answers: [{ requestBodyTimeoutMs: 500 }] },
  { question: "the form of a raw body", answers: [{ rawBodyForm: "string" }] },
  { question: "whether an unhandled error raises an issue", answers: [{ issueOnUnhandledError: false }] },
  { question: "whether ticks overlap", answers: [{ scheduleOverlap: "skipped" }] },
  { question: "whether missed ticks are made up for", answers: [{ scheduleCatchUp: "last" }] },
  { question: "whether a failed tick is repeated", answers: [{ scheduleRetries: 3 }] },
  { question: "whether 'all' includes the static user", answers: [{ scheduleAllIncludesStaticUser: false }] },
  { question: "how the activations of a tick run", answers: [{ scheduleActivations: "sequential" }] },
  {
    question: "the defaults of ttl, limit and maxAttempts",
    answers: [
      { defaultTtlSeconds: 0.5, defaultLimit: 1, defaultMaxAttempts: 1 },
      { defaultTtlSeconds: 3_600, defaultLimit: 100, defaultMaxAttempts: 1_000 },
    ],
  },
  {
    question: "the wait before a failed attempt is repeated",
    answers: [
      { retryBackoff: { initialMs: 0, factor: 1 } },
      { retryBackoff: { initialMs: 100, factor: 2, maxMs: 60_000 } },
    ],
  },
  { question: "whether a reschedule uses up an attempt", answers: [{ rescheduleConsumesAttempt: false }] },
  { question: "whether an attempt goes on after its ttl", answers: [{ timedOutAttemptKeepsRunning: false }] },
  { question: "what limit counts", answers: [{ limitScope: "environment" }] },
  {
    question: "the largest payload of a durable workflow",
    answers: [{ payloadLimitBytes: 2_000 }, { payloadLimitBytes: 10e6 }],
  },
  { question: "the unit of AsyncWorkflow.wait", answers: [{ asyncWorkflowWaitUnit: "s" }] },
  {
    question: "the largest value and the longest key of the store",
    answers: [{ kvMaxValueBytes: 1_000_000, kvMaxKeyBytes: 2_000 }, { kvMaxKeyBytes: 128 }],
  },
  {
    question: "the scope of openKv() without one",
    answers: [":execution:", ":workspace:", ":organization:", ":user:", "refused"].map((scope) => ({
      kvDefaultScope: scope as ":execution:",
    })),
  },
  { question: "whether list answers whole keys", answers: [{ listKeysIncludeScopePrefix: false }] },
  {
    question: "whether list answers parsed values",
    answers: [{ listValuesParsed: true }, { listValuesParsed: true, listKeysIncludeScopePrefix: false }],
  },
  { question: "whether an update moves an entry of a list", answers: [{ updateMovesToFront: false }] },
  {
    question: "how long :execution: data live",
    answers: [{ executionScopeRetention: "execution" }, { executionScopeRetention: "kept" }],
  },
  { question: "what destroy removes", answers: [{ destroyRemoves: "scope" }] },
  { question: "whether ctx.fetch repeats a call after a 401", answers: [{ fetchRetriesAfter401: true }, {}] },
  { question: "whose Authorization header wins", answers: [{ callerAuthorizationWins: true }] },
  {
    question: "how the static user reads connection variables",
    answers: [{ staticUserConnectionVariables: true }],
  },
  {
    question: "how soon a killed worker's messages are delivered again",
    answers: [{ reclaimDeadWorkers: false }],
  },
];

/** Options of the stand-in that are its own, and answer no question about the platform. */
export const OF_THE_STAND_IN = [
  "deadWorkerAfterMs",
  "heartbeatMs",
  "queuePollMs",
  "stopTimeoutMs",
  "completionPollMs",
];
