/**
 * What an operator's tools are told while the connector works: spans, metrics, and log entries that say enough to
 * diagnose a failure. `Telemetry` is the port `lib/` is handed; `openTelemetry` puts OpenTelemetry behind it, which does
 * nothing where no provider is registered.
 *
 * @module
 */
export { errorFields } from "./error_fields.ts";
export { type CounterName, COUNTERS, type HistogramName, HISTOGRAMS } from "./instruments.ts";
export { openTelemetry } from "./open_telemetry.ts";
export {
  type Attributes,
  silentTelemetry,
  type SpanEnd,
  type SpanOptions,
  type SpanRef,
  spanRefSchema,
  type Telemetry,
  type TelemetrySpan,
} from "./telemetry.ts";
