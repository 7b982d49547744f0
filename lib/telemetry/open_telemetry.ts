import {
  type Attributes as OtelAttributes,
  type Context,
  context,
  type Counter,
  type Histogram,
  isSpanContextValid,
  metrics,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import { ConnectorError, messageOf } from "../base/mod.ts";
import { type CounterName, COUNTERS, type HistogramName, HISTOGRAMS } from "./instruments.ts";
import type { SpanEnd, SpanOptions, SpanRef, Telemetry, TelemetrySpan } from "./telemetry.ts";

/** The name spans and metrics are recorded under. */
const SCOPE = "fluent-inventory-connector";

/**
 * Telemetry by OpenTelemetry's global API: whichever providers the host has registered get it, and where there are none
 * nothing is recorded and nothing is spent.
 */
export function openTelemetry(): Telemetry {
  const tracer = trace.getTracer(SCOPE);
  const meter = metrics.getMeter(SCOPE);
  const counters = new Map<CounterName, Counter>();
  const histograms = new Map<HistogramName, Histogram>();
  return {
    startSpan(name, options = {}) {
      const { attributes, links = [], startedAt } = options;
      const span = tracer.startSpan(name, {
        attributes: { ...attributes },
        links: links.map((ref) => ({ context: contextOf(ref) })),
        ...(startedAt === undefined ? {} : { startTime: startedAt }),
      }, parentContext(options));
      return new OtelSpan(span);
    },
    add(name, value, attributes) {
      const counter = counters.get(name) ?? meter.createCounter(name, COUNTERS[name]);
      counters.set(name, counter);
      counter.add(value, { ...attributes });
    },
    record(name, value, attributes) {
      const { unit, description, boundaries } = HISTOGRAMS[name];
      const histogram = histograms.get(name) ?? meter.createHistogram(name, {
        unit,
        description,
        advice: { explicitBucketBoundaries: [...boundaries] },
      });
      histograms.set(name, histogram);
      histogram.record(value, { ...attributes });
    },
  };
}

class OtelSpan implements TelemetrySpan {
  readonly #span: Span;
  readonly ref: SpanRef | undefined;

  constructor(span: Span) {
    this.#span = span;
    const own = span.spanContext();
    this.ref = isSpanContextValid(own)
      ? { traceId: own.traceId, spanId: own.spanId, traceFlags: own.traceFlags }
      : undefined;
  }

  run<T>(work: () => Promise<T>): Promise<T> {
    return context.with(trace.setSpan(context.active(), this.#span), work);
  }

  end({ attributes, error, endedAt }: SpanEnd = {}): void {
    if (attributes) this.#span.setAttributes({ ...attributes } as OtelAttributes);
    if (error !== undefined) {
      const code = error instanceof ConnectorError ? error.code : "unexpected";
      this.#span.setAttribute("error.type", code);
      this.#span.setStatus({ code: SpanStatusCode.ERROR, message: messageOf(error).slice(0, 500) });
    }
    this.#span.end(endedAt);
  }
}

/** A parent from another process or an earlier moment; without one, whatever is active. */
function parentContext({ parent }: SpanOptions): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, contextOf(parent)) : context.active();
}

function contextOf(ref: SpanRef): SpanContext {
  return { ...ref, isRemote: true };
}
