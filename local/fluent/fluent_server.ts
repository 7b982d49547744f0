import http from "node:http";
import type { AddressInfo } from "node:net";
import { type Clock, systemClock } from "../../lib/base/mod.ts";
import { type Answer, ok, refusal } from "./_answer.ts";
import { BatchApi, type BatchStatus, type JobStatus } from "./_batch_api.ts";
import { type Fault, FaultPlan } from "./faults.ts";
import { dropConnection, readBody, sendAnswer, sendHalf, sendText, untilBodyBegins } from "./_http.ts";
import { type CallTimer, preciseTimer, timerOf } from "./_call_timer.ts";
import { Latency } from "./_latency.ts";
import { TokenService } from "./_oauth.ts";
import { type FluentServerOptions, localFluentCredentials } from "./options.ts";
import { type Call, type Endpoint, route } from "./_routes.ts";
import { FluentStore, type StockRow } from "./_store.ts";

export type { Endpoint, StockRow };

/** A job as the server knows it. */
export interface JobInfo {
  readonly jobId: string;
  readonly name: string;
  readonly retailerId: string;
  readonly status: JobStatus;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
}

/** A batch as the server knows it. */
export interface BatchInfo {
  readonly batchId: string;
  readonly jobId: string;
  readonly status: BatchStatus;
  readonly entityCount: number;
  /** Hash of the request's body, byte for byte, in hex. */
  readonly sha256: string;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
}

/** What has been asked of the server since it started; `/_local` is not counted. */
export interface RequestCounts {
  readonly total: number;
  /** By {@linkcode Endpoint}. */
  readonly byEndpoint: Readonly<Partial<Record<Endpoint, number>>>;
  /** By status sent; `dropped` and `hung` for requests that a fault left without an answer. */
  readonly byStatus: Readonly<Record<string, number>>;
}

/** A running server. */
export interface FluentServer {
  /** `http://127.0.0.1:<port>` */
  readonly url: string;
  readonly port: number;
  readonly requests: RequestCounts;
  jobs(): JobInfo[];
  /** In order of acceptance. */
  batches(jobId?: string): BatchInfo[];
  /** Batches that were accepted more than once: same job, same body bytes. Each group holds all of them. */
  duplicateBatches(): BatchInfo[][];
  /** On-hand stock now, in order of sku and location. Don't send requests while iterating. */
  stockRows(): Iterable<StockRow>;
  /** On-hand stock now: `sku + "\u0000" + location` → qty. */
  stock(): Map<string, number>;
  /** Replaces the faults. */
  setFaults(faults: readonly Fault[]): void;
  /** Closes a job before midnight. @throws when there is no such job. */
  closeJob(jobId: string): void;
  /** Makes every access token given out so far unknown; refresh tokens stay. */
  revokeTokens(): void;
  /** Completes every batch accepted so far, also those that would stay PENDING. */
  completeBatches(): void;
  /** Drops what is open and closes the database. */
  stop(): Promise<void>;
}

/** Bytes of a request's body: Fluent publishes no limit; this is this server's. */
const MAX_BODY_BYTES = 20 * 1024 * 1024;
const DEFAULT_STOCK_PAGE = 1_000;
const MAX_STOCK_PAGE = 100_000;

/**
 * Starts a Fluent Commerce server that knows the Batch API for inventory: `/oauth/token`, jobs, batches, their status
 * and their results. What the API's public pages leave open is an option or a choice named in the code.
 *
 * For whoever compares, without a token: `GET /_local/stats`, `/_local/batches` and `/_local/stock?start&count`
 * (`rows` of `[sku, location, qty]`, at most 100,000 a page).
 *
 * @throws when the port is taken or the state folder can't be written.
 * @example
 * ```ts
 * import { startFluentServer } from "./fluent_server.ts";
 *
 * const server = await startFluentServer({ pendingMs: 10, runningMs: 20 });
 * console.log((await fetch(`${server.url}/_local/stats`)).status); // 200
 * await server.stop();
 * ```
 */
export async function startFluentServer(options: FluentServerOptions = {}): Promise<FluentServer> {
  const server = new LocalFluentServer(options);
  await server.listen(options.port ?? 0);
  return server;
}

class LocalFluentServer implements FluentServer {
  readonly #clock: Clock;
  readonly #store: FluentStore;
  readonly #api: BatchApi;
  readonly #tokens: TokenService;
  readonly #faults: FaultPlan;
  readonly #latency: Latency;
  readonly #rateLimit: number;
  readonly #timer: CallTimer;
  readonly #http: http.Server;
  readonly #stopped = new AbortController();
  readonly #counts = {
    total: 0,
    byEndpoint: {} as Partial<Record<Endpoint, number>>,
    byStatus: {} as Record<string, number>,
  };
  #window = { second: 0, calls: 0 };
  #port = 0;

  constructor(options: FluentServerOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#store = new FluentStore(options.stateDir);
    this.#api = new BatchApi(this.#store, this.#clock, options);
    this.#tokens = new TokenService(this.#store, { credentials: localFluentCredentials, ...options });
    this.#faults = new FaultPlan(options.faults ?? [], this.#clock);
    this.#latency = new Latency(options);
    this.#rateLimit = options.requestsPerSecond ?? Infinity;
    this.#timer = options.clock === undefined ? preciseTimer : timerOf(options.clock);
    this.#http = http.createServer((request, response) => void this.#serve(request, response));
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  get requests(): RequestCounts {
    return structuredClone(this.#counts);
  }

  async listen(port: number): Promise<void> {
    try {
      await new Promise<void>((resolve, reject) => {
        this.#http.once("error", reject);
        this.#http.listen(port, "127.0.0.1", resolve);
      });
    } catch (cause) {
      this.#store.close();
      throw new Error(`Cannot start the Fluent server on 127.0.0.1:${port}: ${(cause as Error).message}`, {
        cause,
      });
    }
    this.#port = (this.#http.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return;
    this.#stopped.abort(new Error("the server is stopping"));
    // In this order: Deno 2.3, once closing, waits for open requests whatever is said afterwards.
    this.#http.closeAllConnections();
    await new Promise<void>((resolve) => this.#http.close(() => resolve()));
    this.#store.close();
  }

  jobs(): JobInfo[] {
    return this.#store.jobs().map((job) => ({
      jobId: String(job.id),
      name: job.name,
      retailerId: job.retailerId,
      status: this.#api.jobStatus(job),
      createdAt: job.createdAt,
    }));
  }

  batches(jobId?: string): BatchInfo[] {
    return this.#store.batches(jobId === undefined ? undefined : Number(jobId)).map((batch) => ({
      batchId: String(batch.id),
      jobId: String(batch.jobId),
      status: this.#api.batchStatus(batch),
      entityCount: batch.entityCount,
      sha256: batch.sha256,
      receivedAt: batch.receivedAt,
    }));
  }

  duplicateBatches(): BatchInfo[][] {
    const groups = Map.groupBy(this.batches(), (batch) => `${batch.jobId} ${batch.sha256}`);
    return [...groups.values()].filter((group) => group.length > 1);
  }

  stockRows(): Iterable<StockRow> {
    this.#api.settle();
    return this.#store.stock();
  }

  stock(): Map<string, number> {
    const stock = new Map<string, number>();
    for (const { sku, location, qty } of this.stockRows()) stock.set(`${sku}\u0000${location}`, qty);
    return stock;
  }

  setFaults(faults: readonly Fault[]): void {
    this.#faults.set(faults);
  }

  closeJob(jobId: string): void {
    if (!this.#store.closeJob(Number(jobId), this.#clock.now())) {
      throw new Error(`Cannot close job ${jobId}: there is no such job`);
    }
  }

  revokeTokens(): void {
    this.#store.revokeAccessTokens();
  }

  completeBatches(): void {
    this.#api.completeAll();
  }

  async #serve(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      if (this.#stopped.signal.aborted) return; // its connection is gone
      console.error("Fluent server: cannot answer", request.method, error);
      if (!response.headersSent) {
        sendAnswer(response, refusal(500, "INTERNAL", "this server failed; see its output"));
      }
    }
  }

  async #answer(request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
    const arrivedAt = this.#timer.now();
    const method = request.method ?? "GET";
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://127.0.0.1");
    if (pathname.startsWith("/_local/")) {
      request.resume();
      return sendAnswer(response, this.#inspect(method, pathname, searchParams));
    }

    const call = route(method, pathname);
    count(this.#counts.byEndpoint, call.endpoint);
    this.#counts.total += 1;

    const fault = this.#faults.meet(method, pathname);
    if (fault?.kind === "reset-during-request") {
      await untilBodyBegins(request);
      count(this.#counts.byStatus, "dropped");
      return dropConnection(response);
    }
    const body = await readBody(request, MAX_BODY_BYTES);
    const latency = call.latency === undefined ? 0 : this.#latency.next(call.latency);
    const answer = this.#decide(
      fault,
      () => this.#work(call, request, searchParams, body),
      () => headOf(request, body),
    );
    await this.#timer.waitUntil(arrivedAt + latency, this.#stopped.signal);
    if (!this.#stopped.signal.aborted) answer(response);
  }

  /** Does a call's work, unless a fault says otherwise. @returns what sends the answer, when it is time to. */
  #decide(
    fault: Fault | undefined,
    work: () => Answer,
    head: () => string,
  ): (response: http.ServerResponse) => void {
    const send = (answer: Answer) => (response: http.ServerResponse) => {
      count(this.#counts.byStatus, String(answer.status));
      sendAnswer(response, answer);
    };
    const sendPlain = (status: number, type: string, text: string) => (response: http.ServerResponse) => {
      count(this.#counts.byStatus, String(status));
      sendText(response, status, type, text);
    };
    const drop = (response: http.ServerResponse) => {
      count(this.#counts.byStatus, "dropped");
      dropConnection(response);
    };
    if (fault !== undefined && "afterEffect" in fault && fault.afterEffect) work();
    switch (fault?.kind) {
      case "hang":
        return () => count(this.#counts.byStatus, "hung");
      case "reset-during-request": // has been dropped by now
      case "reset-before":
        return drop;
      case "reset-during-answer": {
        const answer = work();
        return (response) => {
          count(this.#counts.byStatus, "dropped");
          sendHalf(response, answer);
        };
      }
      case "status":
        return send(faulty(fault));
      case "echo":
        return send(refusal(fault.status ?? 400, "BAD_REQUEST", `cannot take ${head()}`));
      case "html":
        return sendPlain(fault.status ?? 200, "text/html", "<html><body>Gateway</body></html>");
      case "empty":
        return sendPlain(fault.status ?? 200, "application/json", "");
      case "status-after-effect":
        work();
        return send(faulty(fault));
      case "reset-after-effect":
        work();
        return drop;
      case undefined:
        return send(work());
    }
  }

  #work(
    call: Call,
    request: http.IncomingMessage,
    query: URLSearchParams,
    body: Uint8Array | undefined,
  ): Answer {
    if (body === undefined) {
      return refusal(413, "TOO_LARGE", `the body is longer than ${MAX_BODY_BYTES} bytes`);
    }
    const now = this.#clock.now();
    if (call.endpoint === "token") return this.#tokens.grant(formAndQuery(request, query, body), now);
    if (call.isApi) {
      if (this.#isOverLimit(now)) {
        // C0011E is the code the vendor's SDK knows as its rate limit.
        const refused = refusal(429, "C0011E", `more than ${this.#rateLimit} requests in a second`);
        return { ...refused, headers: { "retry-after": "1" } };
      }
      const objection = this.#tokens.objection(request.headers.authorization, now);
      if (objection !== undefined) return refusal(401, "UNAUTHORIZED", objection);
    }
    const [jobId = "", batchId = ""] = call.ids;
    switch (call.endpoint) {
      case "createJob":
        return this.#api.createJob(body);
      case "sendBatch":
        return this.#api.addBatch(jobId, body);
      case "getJob":
        return this.#api.readJob(jobId);
      case "getBatch":
        return this.#api.readBatch(jobId, batchId, query);
      case "unknown":
        return refusal(404, "NOT_FOUND", "this server has no such endpoint");
    }
  }

  #isOverLimit(now: number): boolean {
    const second = Math.floor(now / 1000);
    if (second !== this.#window.second) this.#window = { second, calls: 0 };
    this.#window.calls += 1;
    return this.#window.calls > this.#rateLimit;
  }

  #inspect(method: string, path: string, query: URLSearchParams): Answer {
    if (method === "GET" && path === "/_local/stats") {
      const batches = this.batches();
      this.#api.settle();
      return ok({
        requests: this.#counts,
        jobs: this.#store.jobs().length,
        batches: {
          total: batches.length,
          pending: batches.filter(({ status }) => status === "PENDING").length,
          running: batches.filter(({ status }) => status === "RUNNING").length,
          complete: batches.filter(({ status }) => status === "COMPLETE").length,
          duplicates: this.duplicateBatches().reduce((sum, group) => sum + group.length - 1, 0),
        },
        entities: batches.reduce((sum, { entityCount }) => sum + entityCount, 0),
        stockRows: this.#store.stockCount(),
      });
    }
    if (method === "GET" && path === "/_local/batches") {
      return ok({ jobs: this.jobs(), batches: this.batches() });
    }
    if (method === "GET" && path === "/_local/stock") {
      const start = Number(query.get("start") ?? 0);
      const size = Math.min(Number(query.get("count") ?? DEFAULT_STOCK_PAGE), MAX_STOCK_PAGE);
      if (!Number.isSafeInteger(start) || !Number.isSafeInteger(size) || start < 0 || size < 1) {
        return refusal(400, "BAD_REQUEST", "start must be a whole number from 0 and count one from 1");
      }
      this.#api.settle();
      const rows = this.#store.stockPage(start, size).map(({ sku, location, qty }) => [sku, location, qty]);
      return ok({ start, count: rows.length, total: this.#store.stockCount(), rows });
    }
    return refusal(404, "NOT_FOUND", `there is no ${method} ${path}`);
  }
}

/** The form is recommended, the query supported (Fluent documentation, API Authentication). */
function formAndQuery(
  request: http.IncomingMessage,
  query: URLSearchParams,
  body: Uint8Array,
): URLSearchParams {
  const params = new URLSearchParams(query);
  if ((request.headers["content-type"] ?? "").startsWith("application/x-www-form-urlencoded")) {
    for (const [name, value] of new URLSearchParams(new TextDecoder().decode(body))) params.set(name, value);
  }
  return params;
}

/** A request's first line and headers, and its form where it has one. */
function headOf(request: http.IncomingMessage, body: Uint8Array | undefined): string {
  const headers = Object.entries(request.headers).map(([name, value]) => `${name}: ${value}`);
  const isForm = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  const form = isForm ? [new TextDecoder().decode(body)] : [];
  return [`${request.method} ${request.url}`, ...headers, ...form].join("\n");
}

function faulty(fault: Extract<Fault, { status: number; kind: "status" | "status-after-effect" }>): Answer {
  const body = fault.body ?? refusal(fault.status, "FAULT", "a fault was asked for").body;
  return { status: fault.status, body, ...(fault.headers === undefined ? {} : { headers: fault.headers }) };
}

function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1;
}
