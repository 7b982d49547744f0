const NUMBER = new Intl.NumberFormat("en-GB");
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const UNITS = ["B", "kB", "MB", "GB", "TB"];

/** `12,345` */
export function number(value: number): string {
  return NUMBER.format(value);
}

/** `1 row`, `2 rows` */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${number(value)} ${value === 1 ? one : many}`;
}

/** `24 Nov 2026, 17:01:32`, in UTC. */
export function time(iso: string): string {
  const at = new Date(iso);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]} ${at.getUTCFullYear()}, ${
    at.toISOString().slice(11, 19)
  }`;
}

/** `24 Nov 2026, 17:01`, in UTC. */
export function minute(iso: string): string {
  return time(iso).slice(0, -3);
}

/** `24 Nov`, in UTC. */
export function day(iso: string): string {
  const at = new Date(iso);
  return `${at.getUTCDate()} ${MONTHS[at.getUTCMonth()]}`;
}

/** `850 ms`, `6.2 s`, `4 min 05 s`, `3 h 20 min` */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** `1.2 MB` */
export function size(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit++;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit]}`;
}

/** `97.4 %`; what is not all is never rounded up to 100 %, nor what is not nothing down to 0 %. */
export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return "0 %";
  if (part >= whole) return "100 %";
  const shown = Math.min(99.9, Math.max(0.1, Math.floor(part / whole * 1_000) / 10));
  return `${shown.toFixed(1)} %`;
}

/** The address of a view: what is not set is left out. */
export function link(parameters: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== "") query.set(name, String(value));
  }
  return `?${query}`;
}
