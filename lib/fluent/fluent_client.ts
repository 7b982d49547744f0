import { batchAnswer, createdAnswer, graphqlAnswer, jobAnswer } from "./_answers.ts";
import { readOn, RESULTS_PAGE_SIZE } from "./_batch_results.ts";
import { parseRetailerId } from "./_config.ts";
import { isHtml, notJson } from "./_failures.ts";
import { JobMemories } from "./_job_memory.ts";
import { bodyOf, rowCount, type WrittenBatch } from "./batch_body.ts";
import { checkId, writeJob } from "./_requests.ts";
import type { Transport } from "./_transport.ts";
import { FluentApiError, FluentRequestError } from "./fluent_api_error.ts";
import { type BatchState, deriveJobStatus, outcomeOf, progressOf } from "./job_status.ts";
import type {
  CallOptions,
  CreateJobRequest,
  FluentBatch,
  FluentBatchAnswer,
  FluentBatchStatus,
  FluentJob,
  FluentJobAnswer,
  FluentJobStatus,
  FluentRowResult,
  GraphqlAnswer,
  GraphqlRequest,
  KnownBatch,
  RetailerId,
  SendBatchRequest,
} from "./types.ts";

const JOBS = "/api/v4.1/job";
/** Batches read at the same time for one job status. */
const READ_CONCURRENCY = 5;

/** What a client is made of; see `createClient`. */
export interface FluentClientParts {
  readonly transport: Transport;
  readonly retailerId: RetailerId | undefined;
  /** Whether it signs in by itself (else the platform does). */
  readonly ownToken: boolean;
  readonly maxRequestBytes: number;
}

/**
 * Fluent's Batch API. Requests are checked before they leave and answers when they arrive; every call ends within its
 * time-outs. Reads are repeated when that can help. Creating a job and sending a batch are repeated only when it is
 * certain that nothing happened (429, no connection); otherwise they throw with `effect: "unknown"`, and the caller
 * finds out with {@linkcode getJob} what exists before sending again.
 *
 * Every call throws {@linkcode FluentApiError}, or {@linkcode FluentRequestError} when nothing was sent.
 * Made by `createClient`.
 */
export class FluentClient {
  readonly #transport: Transport;
  readonly #ownToken: boolean;
  readonly #maxRequestBytes: number;
  readonly #jobs = new JobMemories();
  #retailerId: RetailerId | undefined;

  constructor(parts: FluentClientParts) {
    this.#transport = parts.transport;
    this.#ownToken = parts.ownToken;
    this.#maxRequestBytes = parts.maxRequestBytes;
    this.#retailerId = parts.retailerId;
  }

  /** The retailer of jobs that name none; as text. */
  getRetailerId(): string | undefined {
    return this.#retailerId === undefined ? undefined : String(this.#retailerId);
  }

  /** @throws {ConfigError} unless it is a positive whole number or a non-empty text. */
  setRetailerId(retailerId: RetailerId): void {
    this.#retailerId = parseRetailerId(retailerId ?? "", "the retailer id");
  }

  /**
   * Proves that the credentials work, without changing anything: signs in; on Versori, where the platform does that,
   * asks for a job that does not exist.
   */
  async verifyAccess(options: CallOptions = {}): Promise<void> {
    if (this.#ownToken) return await this.#transport.authorise(options.signal);
    const spec = {
      doing: "check the access to Fluent",
      method: "GET",
      path: `${JOBS}/0`,
      repeatable: true,
      options,
    } as const;
    const { redactor } = this.#transport;
    try {
      const answer = await this.#transport.send(spec);
      if (!isHtml(answer)) return;
      throw notJson(this.#transport.factsOf(spec), answer, redactor);
    } catch (error) {
      // "No such job" is the answer of a server that let us in; a web page is not.
      const letIn = error instanceof FluentApiError && (error.status === 404 || error.status === 400) &&
        !/\bhtml\b/i.test(error.reason ?? "");
      if (!letIn) throw error;
    }
  }

  /** Creates a job. It takes batches until midnight UTC. */
  async createJob(request: CreateJobRequest, options: CallOptions = {}): Promise<FluentJob> {
    const { json, name, retailerId } = writeJob(request, this.#retailerId, this.#maxRequestBytes);
    const id = await this.#transport.request({
      doing: "create a Fluent job",
      method: "POST",
      path: JOBS,
      body: json,
      repeatable: false,
      schema: createdAnswer,
      expected: "the new job's id",
      options,
    });
    return { id, name, retailerId };
  }

  /** Sends a batch of 1 to 5,000 rows; Fluent processes it later. */
  async sendBatch(
    jobId: string,
    request: SendBatchRequest | WrittenBatch,
    options: CallOptions = {},
  ): Promise<FluentBatch> {
    const safeId = checkId("send a batch", "jobId", jobId);
    const doing = `send a batch to Fluent job ${jobId}`;
    const id = await this.#transport.request({
      doing,
      method: "POST",
      path: `${JOBS}/${safeId}/batch`,
      body: bodyOf(doing, request, this.#maxRequestBytes),
      repeatable: false,
      schema: createdAnswer,
      expected: "the new batch's id",
      options,
    });
    this.#jobs.of(jobId).sent.set(id, rowCount(request));
    return { id, jobId };
  }

  /**
   * A job as Fluent answers it. That the answer lists the job's batches is not documented, nor how: a list that cannot be
   * read whole is left out, like one that isn't there.
   */
  async getJob(jobId: string, options: CallOptions = {}): Promise<FluentJobAnswer> {
    const safeId = checkId("read a Fluent job", "jobId", jobId);
    const spec = {
      doing: `read Fluent job ${jobId}`,
      method: "GET",
      path: `${JOBS}/${safeId}`,
      repeatable: true,
      schema: jobAnswer,
      expected: "a job",
      options,
    } as const;
    const answer = await this.#transport.request(spec);
    this.#same("job", spec, jobId, answer.jobId);
    const { batches } = answer;
    if (batches === undefined && answer.hasBatches) {
      this.#transport.logger.warn("Fluent's list of a job's batches has a shape nobody documents", { jobId });
    }
    return { jobId, status: answer.status, ...(batches === undefined ? {} : { batches }) };
  }

  /** One page of a batch as Fluent answers it; `start` and `count` select rows, Fluent's page without them. */
  async getBatch(
    jobId: string,
    batchId: string,
    options: CallOptions & { readonly start?: number | undefined; readonly count?: number | undefined } = {},
  ): Promise<FluentBatchAnswer> {
    const doing = "read a batch of a Fluent job";
    const path = `${JOBS}/${checkId(doing, "jobId", jobId)}/batch/${checkId(doing, "batchId", batchId)}`;
    const query = new URLSearchParams();
    for (const [name, least] of [["start", 0], ["count", 1]] as const) {
      const value = options[name];
      if (value === undefined) continue;
      if (!Number.isSafeInteger(value) || value < least) {
        const message = `must be a whole number from ${least}, found ${value}`;
        throw new FluentRequestError(doing, [{ path: name, message }]);
      }
      query.set(name, String(value));
    }
    const spec = {
      doing: `read batch ${batchId} of Fluent job ${jobId}`,
      method: "GET",
      path: query.size === 0 ? path : `${path}?${query}`,
      repeatable: true,
      schema: batchAnswer,
      expected: "a batch",
      options,
    } as const;
    const answer = await this.#transport.request(spec);
    this.#same("batch", spec, batchId, answer.batchId);
    if (answer.jobId !== undefined) this.#same("job", spec, jobId, answer.jobId);
    const results = answer.results ?? [];
    return {
      batchId,
      jobId,
      status: answer.status,
      start: answer.start ?? options.start ?? 0,
      count: answer.count ?? results.length,
      total: answer.total,
      results,
    };
  }

  /** The guide's view of a batch: its first page, with the fields of the SDK's types. */
  async getBatchStatus(
    jobId: string,
    batchId: string,
    options: CallOptions = {},
  ): Promise<FluentBatchStatus> {
    const batch = await this.getBatch(jobId, batchId, options);
    const sent = this.#jobs.of(jobId).sent.get(batchId);
    const totalEntities = batch.total || sent || batch.results.length;
    const done = progressOf(batch.status) === "complete";
    return {
      ...batch,
      id: batchId,
      processedEntities: done ? totalEntities : batch.results.length,
      totalEntities,
    };
  }

  /**
   * What Fluent did with every row of a COMPLETE batch, all pages, proven complete against Fluent's total.
   *
   * @throws {FluentApiError} `fluent-batch-not-complete` (try again later), `fluent-bad-answer` when the pages don't add up.
   */
  async getBatchResults(
    jobId: string,
    batchId: string,
    options: CallOptions & { readonly pageSize?: number | undefined } = {},
  ): Promise<readonly FluentRowResult[]> {
    const page = this.#pages(jobId, batchId, options);
    const batch = await page(0);
    if (progressOf(batch.status) === "complete") return await readOn(batch, page);
    throw new FluentApiError(
      `Cannot read all results of batch ${batchId} of Fluent job ${jobId}: the batch is ${batch.status}, not COMPLETE`,
      {
        code: "fluent-batch-not-complete",
        retry: "later",
        effect: "none",
        method: "GET",
        path: `${JOBS}/${jobId}/batch/${batchId}`,
      },
    );
  }

  /**
   * The guide's view of a job, computed from the real endpoints; see `deriveJobStatus` for what each state means.
   *
   * The batches are those in the job's answer, those sent by this client, and `known` (a client in another process has
   * to be told: Fluent does not document that the job's answer lists them). Results of a batch that is COMPLETE
   * are read once per client.
   */
  async getJobStatus(
    jobId: string,
    known: readonly KnownBatch[] = [],
    options: CallOptions = {},
  ): Promise<FluentJobStatus> {
    const job = await this.getJob(jobId, options);
    const memory = this.#jobs.of(jobId);
    const records = new Map(memory.sent);
    for (const batch of known) {
      const { id, entities } = typeof batch === "string" ? { id: batch, entities: undefined } : batch;
      checkId("read a batch of a Fluent job", "batchId", id);
      records.set(id, entities ?? records.get(id));
    }
    const listed = new Map(job.batches?.map(({ batchId, status }) => [batchId, status]));
    const ids = [...new Set([...listed.keys(), ...records.keys()])];
    const states = await inParallel(ids, READ_CONCURRENCY, async (id): Promise<BatchState> => {
      const base = { id, records: records.get(id) };
      const seen = memory.outcomes.get(id);
      if (seen !== undefined) return { ...base, progress: "complete", outcome: seen };
      const said = listed.get(id);
      const progress = said === undefined ? "complete" : progressOf(said);
      if (progress !== "complete") return { ...base, progress };
      const page = this.#pages(jobId, id, options);
      const batch = await page(0);
      const now = progressOf(batch.status);
      if (now !== "complete") return { ...base, progress: now, records: base.records ?? batch.total };
      // With batch pre-processing Fluent may report a batch without any row results.
      const silent = batch.total === undefined && batch.results.length === 0;
      const results = silent ? [] : await readOn(batch, page);
      const outcome = this.#cleaned(outcomeOf(results));
      memory.outcomes.set(id, outcome);
      return { ...base, progress: "complete", outcome };
    });
    return deriveJobStatus(jobId, states);
  }

  /**
   * A GraphQL request. A text without the word `mutation` is repeated like a read.
   *
   * @throws {FluentApiError} `fluent-graphql-error` when the answer has errors and no data.
   */
  async graphql(request: GraphqlRequest, options: CallOptions = {}): Promise<GraphqlAnswer> {
    const { query, variables } = request;
    if (typeof query !== "string" || query.trim() === "") {
      throw new FluentRequestError("send a GraphQL request", [{
        path: "query",
        message: "must be a non-empty text",
      }]);
    }
    const repeatable = !/\bmutation\b/.test(query);
    const { data, errors } = await this.#transport.request({
      doing: "send a GraphQL request",
      method: "POST",
      path: "/graphql",
      body: JSON.stringify({ query, variables }),
      repeatable,
      schema: graphqlAnswer,
      expected: "a GraphQL answer",
      options,
    });
    if (errors === undefined || errors.length === 0) return { data };
    if (data !== undefined && data !== null) return { data, errors };
    const reason = this.#transport.redactor.clean(
      errors.map((error) => (error as { message?: unknown } | null)?.message).filter((m) =>
        typeof m === "string"
      )
        .join("; ") || `${errors.length} errors without a message`,
    );
    throw new FluentApiError(
      `Cannot send a GraphQL request: POST /graphql answered errors and no data: ${reason}`,
      {
        code: "fluent-graphql-error",
        retry: "never",
        effect: repeatable ? "none" : "unknown",
        method: "POST",
        path: "/graphql",
        status: 200,
        reason,
      },
    );
  }

  /** Reads a batch's results by page, from the row it is given. */
  #pages(
    jobId: string,
    batchId: string,
    options: CallOptions & { readonly pageSize?: number | undefined },
  ): (start: number) => Promise<FluentBatchAnswer> {
    const count = options.pageSize ?? RESULTS_PAGE_SIZE;
    return (start) => this.getBatch(jobId, batchId, { ...options, start, count });
  }

  #cleaned(outcome: ReturnType<typeof outcomeOf>): ReturnType<typeof outcomeOf> {
    const { sample } = outcome;
    return sample === undefined
      ? outcome
      : { ...outcome, sample: this.#transport.redactor.clean(sample, 200) };
  }

  /** An answer about something else than was asked for is no answer. */
  #same(
    what: "job" | "batch",
    spec: { readonly doing: string; readonly path: string },
    asked: string,
    answered: string,
  ): void {
    if (answered === asked) return;
    throw new FluentApiError(
      `Cannot ${spec.doing}: GET ${spec.path} answered 200: expected ${what} ${asked}, found ${what} ${answered}`,
      {
        code: "fluent-bad-answer",
        retry: "never",
        effect: "none",
        method: "GET",
        path: spec.path,
        status: 200,
      },
    );
  }
}

/** Runs `work` for each item, at most `width` at once; results in order. After a failure no more is begun. */
async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const worker = async () => {
    while (!failed && next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index]!);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(width, items.length) }, worker);
  const outcomes = await Promise.allSettled(workers); // nothing is left running when this throws
  for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
  return results;
}
