/** What is counted: name, unit in UCUM notation as OpenTelemetry asks, and meaning. */
export const COUNTERS = {
  "inventory.ingest.jobs": { unit: "{job}", description: "Jobs that ended, by status, feed and trigger" },
  "inventory.ingest.rows": {
    unit: "{row}",
    description:
      "Rows of jobs that ended, by outcome (confirmed, failed, unconfirmed, rejected, superseded, " +
      "unchanged) and feed",
  },
} as const;
export type CounterName = keyof typeof COUNTERS;

/** Upper bounds of durations in seconds, from a quick request to a long night. */
const SECONDS = [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3_600, 14_400, 86_400];

/** What is measured, in seconds. */
export const HISTOGRAMS = {
  "inventory.ingest.batch.duration": {
    unit: "s",
    description: "From the sending of a batch to Fluent's answer, its repeats included, by outcome and feed",
    boundaries: SECONDS,
  },
  "inventory.ingest.stage.duration": {
    unit: "s",
    description: "Time one slice spent in a stage, by stage, outcome and feed",
    boundaries: SECONDS,
  },
  "inventory.ingest.queue.age": {
    unit: "s",
    description: "From a job's creation to the first slice that works on it, by feed",
    boundaries: SECONDS,
  },
  "inventory.ingest.file.lag": {
    unit: "s",
    description: "From a file's last change to the end of its job, by status and feed",
    boundaries: SECONDS,
  },
} as const;
export type HistogramName = keyof typeof HISTOGRAMS;
