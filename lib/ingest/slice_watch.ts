import { FluentApiError, rowCount } from "../fluent/mod.ts";
import type { Telemetry, TelemetrySpan } from "../telemetry/mod.ts";
import type { FluentPort, IngestPorts, StepObserver } from "./ports.ts";
import type { Step } from "./run_record.ts";

/** The ports of one slice, with every stage and every batch observed. */
export class SliceWatch implements StepObserver {
  readonly #telemetry: Telemetry;
  readonly #slice: TelemetrySpan;
  readonly #feed: string;
  readonly #original: IngestPorts;
  /** The stage under way: stages come one after the other, batches of one beside each other. */
  #stage: TelemetrySpan | undefined;

  constructor(telemetry: Telemetry, slice: TelemetrySpan, feed: string, ports: IngestPorts) {
    this.#telemetry = telemetry;
    this.#slice = slice;
    this.#feed = feed;
    this.#original = ports;
  }

  get ports(): IngestPorts {
    return {
      ...this.#original,
      observer: this,
      fluent: (...parameters) => this.#watched(this.#original.fluent(...parameters)),
    };
  }

  async step<T>(step: Exclude<Step, "done">, work: () => Promise<T>): Promise<T> {
    const startedAt = this.#original.clock.now();
    const stage = this.#telemetry.startSpan(`inventory ${step}`, {
      attributes: { "inventory.feed": this.#feed, "inventory.stage": step },
      parent: this.#slice.ref,
    });
    this.#stage = stage;
    const ended = (outcome: "done" | "failed", error?: unknown) => {
      stage.end(error === undefined ? {} : { error });
      this.#stage = undefined;
      const seconds = (this.#original.clock.now() - startedAt) / 1_000;
      const attributes = { stage: step, outcome, feed: this.#feed };
      this.#telemetry.record("inventory.ingest.stage.duration", seconds, attributes);
    };
    try {
      const result = await stage.run(work);
      ended("done");
      return result;
    } catch (error) {
      ended("failed", error);
      throw error;
    }
  }

  #watched(fluent: FluentPort): FluentPort {
    return {
      createJob: (...parameters) => fluent.createJob(...parameters),
      getJob: (...parameters) => fluent.getJob(...parameters),
      getBatch: (...parameters) => fluent.getBatch(...parameters),
      getBatchResults: (...parameters) => fluent.getBatchResults(...parameters),
      sendBatch: (...parameters) =>
        this.#batch(rowCount(parameters[1]), () => fluent.sendBatch(...parameters)),
    };
  }

  async #batch<T>(rows: number, send: () => Promise<T>): Promise<T> {
    const { clock } = this.#original;
    const startedAt = clock.now();
    const span = this.#telemetry.startSpan("inventory batch", {
      attributes: { "inventory.feed": this.#feed, "inventory.batch.rows": rows },
      parent: this.#stage?.ref ?? this.#slice.ref,
    });
    const ended = (outcome: string, error?: unknown) => {
      span.end({ attributes: { "inventory.outcome": outcome }, ...(error === undefined ? {} : { error }) });
      const seconds = (clock.now() - startedAt) / 1_000;
      this.#telemetry.record("inventory.ingest.batch.duration", seconds, { outcome, feed: this.#feed });
    };
    try {
      const result = await span.run(send);
      ended("accepted");
      return result;
    } catch (error) {
      ended(
        error instanceof FluentApiError && error.code === "fluent-bad-request" ? "refused" : "failed",
        error,
      );
      throw error;
    }
  }
}
