import { z } from "zod";

const wholeNumber = z.int().min(0);
const positive = z.int().min(1);

/**
 * Every behaviour of the platform that is not documented, as a named option. Each default is the pessimistic answer:
 * code that is right under it is right under the others too.
 */
export const optionsSchema = z.strictObject({
  // ---- triggers
  /** Time a webhook or schedule run has until its response fails with 504, in milliseconds. Default 30,000 (documented). */
  triggerTimeoutMs: positive.default(30_000),
  /**
   * Whether the code of a run goes on after its response has failed at the limit. Default `true`: its late effects meet
   * those of the retry. `false`: no further task is started, calls of the context fail, `ctx.fetch` calls are aborted.
   */
  triggerRunOutlivesTimeout: z.boolean().default(true),
  /** Status of the immediate answer of a webhook in `async` mode. Default 202. */
  asyncResponseStatus: z.int().min(200).max(299).default(202),
  /** Body of that answer: nothing, or `{ "executionId" }`. Default `"empty"`. */
  asyncResponseBody: z.enum(["empty", "executionId"]).default("empty"),
  /** Status of a synchronous run that fails without an `onError`. Default 500. */
  uncaughtErrorStatus: z.int().min(400).max(599).default(500),
  /** Body of that answer: nothing, or `{ "message" }`. Default `"empty"`. */
  uncaughtErrorBody: z.enum(["empty", "message"]).default("empty"),
  /** Largest request body, in bytes; above it 413. Default 102,400: what Express allows by itself. */
  requestBodyLimitBytes: positive.default(102_400),
  /** How long a request's body may take to arrive, in milliseconds; then 408. Default 30,000, the time of a trigger. */
  requestBodyTimeoutMs: positive.default(30_000),
  /** How a webhook with `rawBody` finds the body in `ctx.request().body` and `.rawBody`. Default `"buffer"`. */
  rawBodyForm: z.enum(["buffer", "string"]).default("buffer"),
  /** Whether an error that no `.catch()` handles raises an issue (with the durable interpreter). Default `true`. */
  issueOnUnhandledError: z.boolean().default(true),

  // ---- schedules
  /** Whether a tick starts while an earlier run of the same schedule is still going. Default `"allowed"`. */
  scheduleOverlap: z.enum(["allowed", "skipped"]).default("allowed"),
  /** Whether ticks missed while no scheduler ran are made up for, by one run at start-up. Default `"none"`. */
  scheduleCatchUp: z.enum(["none", "last"]).default("none"),
  /** How often a tick whose call failed (no 2xx) is called again. Default 0. */
  scheduleRetries: wholeNumber.default(0),
  /** Whether `'all'` and predicates also see the static user. Default `true`. */
  scheduleAllIncludesStaticUser: z.boolean().default(true),
  /** Whether the activations of one tick run side by side or one after the other. Default `"concurrent"`. */
  scheduleActivations: z.enum(["concurrent", "sequential"]).default(
    "concurrent",
  ),

  // ---- durable workflows
  /** `ttl` of a durable workflow that sets none, in seconds. Default 30. */
  defaultTtlSeconds: z.number().positive().default(30),
  /** `limit` of a durable workflow that sets none; `null` = no limit. Default `null`. */
  defaultLimit: positive.nullable().default(null),
  /** `maxAttempts` where neither the start nor the workflow sets it. Default 10. */
  defaultMaxAttempts: positive.default(10),
  /**
   * Wait before a failed attempt is repeated: `initialMs × factor^(attempt − 1)`, at most `maxMs`. Default one second each
   * time, so that ten attempts are used up in ten seconds.
   */
  retryBackoff: z.strictObject({
    initialMs: wholeNumber.default(1000),
    factor: z.number().min(1).default(1),
    maxMs: wholeNumber.default(60_000),
  }).prefault({}),
  /** Whether a reschedule uses up one of the attempts. Default `true`. */
  rescheduleConsumesAttempt: z.boolean().default(true),
  /**
   * Whether an attempt that exceeds its `ttl` goes on beside its redelivery. Default `true`. `false`: at the limit no
   * further task of it is started, calls of its context fail and `ctx.fetch` calls are aborted; code that is in the middle
   * of something else (JavaScript cannot be stopped from outside) goes on, but reaches nothing through the platform.
   */
  timedOutAttemptKeepsRunning: z.boolean().default(true),
  /** What `limit` counts: the instances of one process, or of all processes of the environment. Default `"process"`. */
  limitScope: z.enum(["process", "environment"]).default("process"),
  /** Largest payload and output of a durable workflow, in bytes. Default 65,536. */
  payloadLimitBytes: positive.default(65_536),
  /** Unit of the argument of `AsyncWorkflow.wait`. Default `"ms"`. */
  asyncWorkflowWaitUnit: z.enum(["ms", "s"]).default("ms"),
  /** How often `waitForCompletion` and `AsyncWorkflow.wait` look, in milliseconds. Default 50. */
  completionPollMs: positive.default(50),

  // ---- key-value storage
  /** Largest value, in bytes of its JSON. Default 65,536. */
  kvMaxValueBytes: positive.default(65_536),
  /** Longest key, in bytes, without the prefix of its scope. Default 512. */
  kvMaxKeyBytes: positive.default(512),
  /** Scope of `openKv()` without one; `"refused"` makes it an error. Default `":project:"`: the narrowest that persists. */
  kvDefaultScope: z.enum([
    ":execution:",
    ":project:",
    ":workspace:",
    ":organization:",
    ":user:",
    "refused",
  ])
    .default(":project:"),
  /** Whether `list` answers keys with the prefix of the scope in front. Default `true`. */
  listKeysIncludeScopePrefix: z.boolean().default(true),
  /** Whether `list` answers parsed values. Default `false`: the JSON strings as they are stored. */
  listValuesParsed: z.boolean().default(false),
  /** Whether an update makes an entry the newest of its list. Default `true`: a reader of pages can miss it. */
  updateMovesToFront: z.boolean().default(true),
  /**
   * How long `:execution:` data live: to the end of the `"run"` or attempt, until nothing of the `"execution"` is left to do
   * (run, attempts, waiting messages), or for ever (`"kept"`). Default `"run"`.
   */
  executionScopeRetention: z.enum(["run", "execution", "kept"]).default("run"),
  /** What `ctx.destroy(scope)` removes: the prefix of the `"scope"` alone, or the whole `"store"` it is in. Default `"store"`. */
  destroyRemoves: z.enum(["scope", "store"]).default("store"),

  // ---- connections
  /** Whether `ctx.fetch` repeats a call once after a 401, with a new token. Default `false`. */
  fetchRetriesAfter401: z.boolean().default(false),
  /** Whether an `Authorization` header of the caller wins over the connection's. Default `false`. */
  callerAuthorizationWins: z.boolean().default(false),
  /** Whether the static user's runs see `connectionVariables`. Default `false`: they are empty. */
  staticUserConnectionVariables: z.boolean().default(false),

  // ---- of this stand-in only
  /**
   * A convenience of the local platform: the locks of worker processes that died are released at once rather than when
   * their `ttl` is over. Dead is a worker whose process on this machine is gone, or whose heartbeat is too old.
   * Default `true`; with `false` only the `ttl` redelivers, as on the platform.
   */
  reclaimDeadWorkers: z.boolean().default(true),
  /** Age of a heartbeat that means death whatever process has the worker's pid, in milliseconds. Default 20,000. */
  deadWorkerAfterMs: positive.default(20_000),
  /** Time between heartbeats, in milliseconds. Default 500. */
  heartbeatMs: positive.default(500),
  /** Time the queue is looked at again when nothing was due, in milliseconds. Default 50. */
  queuePollMs: positive.default(50),
  /** Longest wait of `stop()` for what is running, in milliseconds. Default 10,000. */
  stopTimeoutMs: wholeNumber.default(10_000),
});

/** The options with every default filled in. */
export type PlatformOptions = z.output<typeof optionsSchema>;
/** The options as a configuration gives them: all optional. */
export type PlatformOptionsInput = z.input<typeof optionsSchema>;
