import { Buffer } from "node:buffer";
import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
// @ts-types="@types/express"
import type { Request, Response as ExpressResponse } from "express";
import { STATIC_USER } from "./_activations.ts";
import { withinBudget } from "./_budget.ts";
import { type InboundAuth, inboundAuthOf, type InboundCall, refusalOf } from "./_inbound_auth.ts";
import { parseBody } from "./_request_body.ts";
import { createContext } from "./_run_context.ts";
import type { Run } from "./_run.ts";
import type { RunOutcome, Runs } from "./_runs.ts";
import type { Services } from "./_services.ts";
import type { TriggerDefinition, WebhookOptions, WorkflowDefinition } from "./_trigger.ts";

type WebhookDefinition = WorkflowDefinition<
  Extract<TriggerDefinition, { kind: "webhook" }>
>;

/** What an answer to a call consists of. */
type Answer =
  | { readonly kind: "json"; readonly status: number; readonly body: unknown }
  | { readonly kind: "web"; readonly response: Response };

/** Answers the calls of one webhook. */
export class WebhookRoute {
  readonly #services: Services;
  readonly #runs: Runs;
  readonly #definition: WebhookDefinition;

  /** @throws Error when the webhook's connection is missing or cannot verify calls. */
  constructor(services: Services, runs: Runs, definition: WebhookDefinition) {
    this.#services = services;
    this.#runs = runs;
    this.#definition = definition;
    this.#inboundAuth(STATIC_USER);
  }

  /** @param readBody reads the body to its end; rejects when it is too large. */
  async handle(
    request: Request,
    response: ExpressResponse,
    readBody: () => Promise<Buffer>,
  ): Promise<void> {
    const services = this.#services;
    const { options } = this.#definition.trigger;
    const externalId = (request.params["externalId"] as string | undefined) ??
      STATIC_USER;
    if (!services.activations.has(externalId)) {
      return send(response, {
        kind: "json",
        status: 404,
        body: { message: "Not Found" },
      });
    }
    const auth = this.#inboundAuth(externalId);
    const call = (body: Buffer): InboundCall => ({
      headers: request.headers,
      query: new URL(request.originalUrl, "http://localhost").searchParams,
      body,
    });
    // A signature covers the body; every other credential is checked before the body is read.
    if (auth && auth.type !== "hmac") {
      const status = refusalOf(call(Buffer.alloc(0)), auth);
      if (status) return this.#refuse(response, status, auth);
    }
    const raw = await readBody();
    if (auth?.type === "hmac") {
      const status = refusalOf(call(raw), auth);
      if (status) return this.#refuse(response, status, auth);
    }
    const body = parseBody(
      raw,
      request.headers["content-type"],
      options,
      services.options,
    );
    if (!body.ok) {
      return send(response, {
        kind: "json",
        status: body.status,
        body: { message: body.message },
      });
    }
    request.body = body.body;
    if (options.request?.rawBody) {
      Object.assign(request, { rawBody: body.body });
    }

    const run = this.#runs.open({
      workflowId: this.#definition.trigger.id,
      executionId: randomUUID(),
      externalId,
      request,
    });
    await this.#answer(run, body.data, options, response);
  }

  async #answer(
    run: Run,
    data: unknown,
    options: WebhookOptions,
    response: ExpressResponse,
  ): Promise<void> {
    const services = this.#services;
    const { triggerTimeoutMs, asyncResponseStatus, asyncResponseBody } = services.options;
    const isAsync = options.response?.mode === "async";
    const answer = Promise.withResolvers<Answer>();
    void this.#runs.run(this.#definition, run, data, async (outcome) => {
      answer.resolve(
        isAsync ? NO_ANSWER : await this.#answerOf(run, outcome, options),
      );
    });
    const ended = withinBudget(answer.promise, triggerTimeoutMs, services.clock)
      .then(async (result) => {
        if (!result.inTime) {
          services.emit({
            type: "triggerTimedOut",
            workflowId: run.workflowId,
            executionId: run.executionId,
          });
          run.log.error("Run exceeded its time limit", {
            workflow: run.workflowId,
            limitMs: triggerTimeoutMs,
          });
          if (!services.options.triggerRunOutlivesTimeout) {
            run.cut(
              new Error(
                `The run of '${run.workflowId}' exceeded its limit of ${triggerTimeoutMs} ms`,
              ),
            );
          }
        }
        if (isAsync) return;
        await send(response, result.inTime ? result.value : TIMED_OUT);
      });
    if (isAsync) {
      const body = asyncResponseBody === "executionId" ? { executionId: run.executionId } : undefined;
      await send(response, { kind: "json", status: asyncResponseStatus, body });
    }
    await ended;
  }

  async #answerOf(
    run: Run,
    outcome: RunOutcome,
    { response }: WebhookOptions,
  ): Promise<Answer> {
    try {
      if (outcome.ok) {
        if (!response?.onSuccess) {
          return { kind: "json", status: 200, body: outcome.output };
        }
        return webAnswer(
          await response.onSuccess(
            createContext(this.#services, run, outcome.output),
          ),
        );
      }
      if (!response?.onError) return this.#failure(outcome.error.message);
      const context = createContext(this.#services, run, outcome.error);
      return webAnswer(
        await response.onError(
          context as Parameters<typeof response.onError>[0],
        ),
      );
    } catch (error) {
      run.log.error("Response handler failed", {
        workflow: run.workflowId,
        error,
      });
      return this.#failure("The response handler failed");
    }
  }

  #failure(message: string): Answer {
    const { uncaughtErrorStatus: status, uncaughtErrorBody } = this.#services.options;
    return {
      kind: "json",
      status,
      body: uncaughtErrorBody === "message" ? { message } : undefined,
    };
  }

  #refuse(response: ExpressResponse, status: 401 | 403, auth: InboundAuth): Promise<void> {
    // What makes a browser ask for user and password (RFC 9110, section 11.6.1).
    if (status === 401 && auth.type === "basic") {
      response.setHeader("www-authenticate", `Basic realm="${this.#definition.trigger.id}", charset="UTF-8"`);
    }
    const message = status === 401 ? "Unauthorized" : "Forbidden";
    return send(response, { kind: "json", status, body: { message } });
  }

  #inboundAuth(externalId: string) {
    const { id, options: { connection: system } } = this.#definition.trigger;
    if (system === undefined) return undefined;
    return inboundAuthOf(
      id,
      system,
      this.#services.connections.find(system, externalId).auth,
    );
  }
}

const NO_ANSWER: Answer = { kind: "json", status: 204, body: undefined };
const TIMED_OUT: Answer = {
  kind: "json",
  status: 504,
  body: { message: "The run exceeded its time limit" },
};

function webAnswer(response: unknown): Answer {
  if (response instanceof Response) return { kind: "web", response };
  throw new TypeError("onSuccess and onError must return a Response");
}

/** Writes the answer, unless the caller has gone. */
async function send(response: ExpressResponse, answer: Answer): Promise<void> {
  if (response.headersSent || response.destroyed) return;
  if (answer.kind === "json") {
    response.status(answer.status);
    if (answer.body === undefined) response.end();
    else response.json(answer.body);
    return;
  }
  const { status, headers, body } = answer.response;
  response.status(status);
  for (const [name, value] of headers) {
    if (name === "set-cookie") response.append(name, value);
    else response.setHeader(name, value);
  }
  if (!body) response.end();
  else {await pipeline(
      Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]),
      response,
    );}
}
