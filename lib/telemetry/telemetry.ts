import { z } from "zod";
import type { CounterName, HistogramName } from "./instruments.ts";

/** Facts about a span or a measurement. Those of measurements take few values: no id, key or file name is one. */
export type Attributes = Readonly<Record<string, string | number | boolean>>;

/** Which span something belongs to: plain data, so that it can be stored and linked to from another process. */
export const spanRefSchema = z.object({
  traceId: z.string(),
  spanId: z.string(),
  traceFlags: z.number().int(),
});
export type SpanRef = z.output<typeof spanRefSchema>;

export interface SpanOptions {
  readonly attributes?: Attributes;
  /** The span it is a part of; default: whichever is active where it starts. */
  readonly parent?: SpanRef | undefined;
  /** Spans it has to do with without being a part of them. */
  readonly links?: readonly SpanRef[];
  /** Milliseconds since the Unix epoch; default: now. */
  readonly startedAt?: number;
}

export interface SpanEnd {
  readonly attributes?: Attributes;
  /** Set when what the span stands for failed. */
  readonly error?: unknown;
  /** Milliseconds since the Unix epoch; default: now. */
  readonly endedAt?: number;
}

export interface TelemetrySpan {
  /** Undefined where nobody records spans. */
  readonly ref: SpanRef | undefined;
  /** Runs `work` with this span as the active one. */
  run<T>(work: () => Promise<T>): Promise<T>;
  end(end?: SpanEnd): void;
}

/** Where spans and measurements go. Its methods never throw. */
export interface Telemetry {
  startSpan(name: string, options?: SpanOptions): TelemetrySpan;
  /** Adds to a counter. */
  add(counter: CounterName, value: number, attributes: Attributes): void;
  /** Records one measurement, in the instrument's unit. */
  record(histogram: HistogramName, value: number, attributes: Attributes): void;
}

/** Records nothing: the default where a caller hands in none. */
export const silentTelemetry: Telemetry = {
  startSpan: () => ({ ref: undefined, run: (work) => work(), end() {} }),
  add() {},
  record() {},
};
