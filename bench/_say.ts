import type { Measured } from "./_connector_process.ts";

/** One measured file on one line. */
export function sayMeasured(what: string, measured: Measured): void {
  const steps = Object.entries(measured.spent).map(([step, ms]) => `${step} ${(ms / 1_000).toFixed(2)} s`)
    .join(", ");
  const { peakMiB, wallMs, rows } = measured;
  console.log(
    `${what}: ${steps}; in all ${(wallMs / 1_000).toFixed(2)} s; peak ${peakMiB.toFixed(0)} MiB; ` +
      `${rows.confirmed} confirmed`,
  );
}

/** Median and range of repeated measurements. */
export function spread(values: readonly number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.round((sorted.length - 1) * share)]!.toFixed(2);
  return `median ${at(0.5)}, least ${at(0)}, most ${at(1)}`;
}
