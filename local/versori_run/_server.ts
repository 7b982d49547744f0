import { Buffer } from "node:buffer";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
// @ts-types="@types/cors"
import cors from "cors";
// @ts-types="@types/express"
import express, { type NextFunction, type Request, type Response } from "express";
import { messageOf } from "./_execution_error.ts";
import type { Runs } from "./_runs.ts";
import { ScheduleRoute } from "./_schedule_route.ts";
import type { Services } from "./_services.ts";
import type { WebhookOptions } from "./_trigger.ts";
import { WebhookRoute } from "./_webhook_route.ts";

const HOST = "127.0.0.1";

/** The HTTP server of the platform: one route per webhook and schedule, on this machine only. */
export class PlatformServer {
  readonly #services: Services;
  readonly #server: Server;
  /** Calls that are not answered yet. */
  readonly #pending = new Set<Response>();
  #isClosing = false;
  #onIdle: () => void = () => {};

  /** @throws Error when a webhook's connection is missing or cannot verify calls. */
  constructor(services: Services, runs: Runs) {
    this.#services = services;
    const app = express();
    app.disable("x-powered-by");
    app.disable("etag");
    app.use((_request: Request, response: Response, next: NextFunction) => {
      this.#pending.add(response);
      response.once("close", () => {
        this.#pending.delete(response);
        if (this.#pending.size === 0) this.#onIdle();
      });
      if (this.#isClosing) response.status(503).end();
      else next();
    });
    app.use(refuseTooLong(services.options));
    for (const { trigger, steps } of services.definitions.values()) {
      if (trigger.kind === "webhook") {
        addWebhook(
          app,
          new WebhookRoute(services, runs, { trigger, steps }),
          trigger,
          services,
        );
      }
      if (trigger.kind === "schedule") {
        addSchedule(
          app,
          new ScheduleRoute(services, runs, { trigger, steps }),
          trigger.id,
        );
      }
    }
    app.use((_request: Request, response: Response) =>
      void response.status(404).json({ message: "Not Found" })
    );
    app.use(
      (
        error: unknown,
        _request: Request,
        response: Response,
        _next: NextFunction,
      ) => {
        const status = statusOf(error);
        if (status >= 500) services.log.error("Call failed", { error });
        if (!response.headersSent) {
          response.status(status).json({
            message: status >= 500 ? "Internal Server Error" : messageOf(error),
          });
        } else response.destroy();
      },
    );
    this.#server = createServer(app);
  }

  /** Opens the port, and answers it. */
  listen(): Promise<number> {
    const { port } = this.#services.config;
    return new Promise((resolve, reject) => {
      this.#server.once("error", (error) => {
        reject(
          new Error(
            `Cannot open port ${port} on ${HOST}: ${messageOf(error)}`,
            { cause: error },
          ),
        );
      });
      this.#server.listen(
        port,
        HOST,
        () => resolve((this.#server.address() as AddressInfo).port),
      );
    });
  }

  /** Accepts no more calls; resolves when those under way are answered. */
  close(): Promise<void> {
    this.#isClosing = true;
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      // Connections that are kept alive after their last answer would hold the server open.
      this.#onIdle = () => this.#server.closeAllConnections();
      if (this.#pending.size === 0) this.#onIdle();
    });
  }

  /** Breaks off the calls under way. */
  breakOff(): void {
    this.#server.closeAllConnections();
  }
}

function addWebhook(
  app: express.Express,
  route: WebhookRoute,
  { id, options }: { readonly id: string; readonly options: WebhookOptions },
  services: Services,
): void {
  const readRaw = express.raw({
    type: () => true,
    limit: services.options.requestBodyLimitBytes,
  });
  const handle = (request: Request, response: Response) =>
    route.handle(
      request,
      response,
      () =>
        new Promise<Buffer>((resolve, reject) => {
          const { requestBodyTimeoutMs } = services.options;
          const timer = setTimeout(() => {
            response.set("connection", "close");
            reject(tooSlow(requestBodyTimeoutMs));
          }, requestBodyTimeoutMs);
          readRaw(request, response, (error?: unknown) => {
            clearTimeout(timer);
            if (error) reject(error);
            else {resolve(
                Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0),
              );}
          });
        }),
    );
  for (const path of [`/${id}`, `/${id}/users/:externalId`]) {
    if (options.cors) {
      app.use(path, exactly(cors(options.cors === true ? {} : options.cors)));
    }
    app[options.method ?? "all"](path, handle);
  }
}

/** Answers 413 for a body that says of itself that it is longer than allowed. */
function refuseTooLong(
  { requestBodyLimitBytes, requestBodyTimeoutMs }: Services["options"],
): express.RequestHandler {
  return (request, response, next) => {
    if (Number(request.headers["content-length"] ?? 0) <= requestBodyLimitBytes) return next();
    // It is read and thrown away first: on Deno 2.3.7 an answer before its end does not reach the caller.
    const timer = setTimeout(() => {
      response.set("connection", "close");
      refuse();
    }, requestBodyTimeoutMs);
    const refuse = () => {
      clearTimeout(timer);
      if (!response.headersSent) response.status(413).json({ message: "request entity too large" });
    };
    request.once("end", refuse);
    response.once("close", () => clearTimeout(timer));
    request.resume();
  };
}

/** `app.use` also matches longer paths; the settings of a webhook are for its own path only. */
function exactly(handler: express.RequestHandler): express.RequestHandler {
  return (request, response, next) => request.path === "/" ? handler(request, response, next) : next();
}

function addSchedule(
  app: express.Express,
  route: ScheduleRoute,
  id: string,
): void {
  app.post(`/${id}`, async (_request: Request, response: Response) => {
    const { status, body } = await route.handle();
    if (!response.destroyed) response.status(status).json(body);
  });
}

function tooSlow(ms: number): Error {
  return Object.assign(new Error(`The body did not arrive within ${ms} ms`), { status: 408 });
}

function statusOf(error: unknown): number {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === "number" && status >= 400 && status < 600 ? status : 500;
}
