import type { IngestRequest, PartitionRequest } from "../../lib/ingest/mod.ts";
import type { Scheduler } from "./scheduler.ts";

/** What a durable run is to do. */
export type Assignment =
  | { readonly kind: "file"; readonly request: IngestRequest }
  | { readonly kind: "partition"; readonly request: PartitionRequest };

/** One durable run, as the platform keeps it. */
export interface Message {
  readonly id: string;
  readonly assignment: Assignment;
  status: "available" | "locked" | "completed" | "failed";
  attempt: number;
  /** The delivery that has been waited for last: a timeout of an earlier one is void. */
  delivery: number;
}

/** How a delivery of a message is carried out: gives what became of it, and never comes back when its process dies. */
export interface QueueTraits {
  /** Milliseconds after which a message is delivered again, whatever became of the delivery before. */
  readonly ttlMs: number;
  /** Milliseconds until a delivery that threw is tried again. */
  readonly backoffMs: number;
  /** Whether this delivery is made twice. */
  readonly twice: () => boolean;
  /** Starts a delivery somewhere; false when no process has room. */
  readonly deliver: (message: Message, attempt: number) => boolean;
}

/** The platform's durable queue: at least once, sometimes twice, also beside a delivery that still runs. */
export class QueueModel {
  readonly messages: Message[] = [];
  #ids = 0;

  constructor(readonly scheduler: Scheduler, readonly traits: QueueTraits) {}

  start(assignment: Assignment): void {
    const message: Message = {
      id: `run-${++this.#ids}`,
      assignment: JSON.parse(JSON.stringify(assignment)),
      status: "available",
      attempt: 0,
      delivery: 0,
    };
    this.messages.push(message);
    this.scheduler.after(5, () => this.#deliver(message));
  }

  /** The message is to be delivered again, after a while. */
  reschedule(message: Message, afterMs: number): void {
    if (message.status === "completed" || message.status === "failed") return;
    message.status = "available";
    const delivery = ++message.delivery;
    this.scheduler.after(Math.max(1, afterMs), () => {
      if (message.delivery === delivery && message.status === "available") this.#deliver(message);
    });
  }

  complete(message: Message): void {
    message.status = "completed";
    message.delivery++;
  }

  /** Whether nothing is left to deliver. */
  get empty(): boolean {
    return this.messages.every(({ status }) => status === "completed" || status === "failed");
  }

  #deliver(message: Message): void {
    if (message.status !== "available") return;
    const attempt = message.attempt + 1;
    if (!this.traits.deliver(message, attempt)) {
      this.scheduler.after(250, () => this.#deliver(message));
      return;
    }
    message.attempt = attempt;
    message.status = "locked";
    const delivery = ++message.delivery;
    if (this.traits.twice()) this.traits.deliver(message, attempt);
    this.scheduler.after(this.traits.ttlMs, () => {
      if (message.delivery !== delivery || message.status !== "locked") return;
      message.status = "available";
      this.#deliver(message);
    });
  }
}
