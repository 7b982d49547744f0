import { metrics, trace } from "@opentelemetry/api";
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from "@opentelemetry/sdk-metrics";
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  SimpleSpanProcessor,
} from "@opentelemetry/sdk-trace-base";

/** One data point of a metric. */
export interface Point {
  readonly metric: string;
  readonly unit: string;
  readonly attributes: Record<string, unknown>;
  /** A counter's sum, or the number of a histogram's measurements. */
  readonly value: number;
  /** The sum of a histogram's measurements. */
  readonly sum?: number | undefined;
}

export interface Recorded {
  spans(): ReadableSpan[];
  points(): Promise<Point[]>;
}

/** Registers OpenTelemetry's SDK in memory while the body runs. */
export async function recorded(body: (recorded: Recorded) => Promise<void>): Promise<void> {
  const spans = new InMemorySpanExporter();
  const tracing = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(spans)] });
  const measured = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter: measured, exportIntervalMillis: 3_600_000 });
  const metering = new MeterProvider({ readers: [reader] });
  trace.setGlobalTracerProvider(tracing);
  metrics.setGlobalMeterProvider(metering);
  try {
    await body({
      spans: () => spans.getFinishedSpans(),
      async points() {
        await metering.forceFlush();
        const last = measured.getMetrics().at(-1);
        return (last?.scopeMetrics ?? []).flatMap((scope) =>
          scope.metrics.flatMap(({ descriptor, dataPoints }) =>
            dataPoints.map(({ attributes, value }) => ({
              metric: descriptor.name,
              unit: descriptor.unit,
              attributes: { ...attributes },
              value: typeof value === "number" ? value : value.count,
              sum: typeof value === "number" ? undefined : (value as { sum?: number }).sum,
            }))
          )
        );
      },
    });
  } finally {
    trace.disable();
    metrics.disable();
    await tracing.shutdown();
    await metering.shutdown();
  }
}
