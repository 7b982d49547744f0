import { z } from "zod";
import { dateParser } from "./_dates.ts";
import { decimalConverter, isLossless, wholeConverter } from "./_numbers.ts";
import { isJson } from "./_json.ts";
import { Refusal } from "./refusal.ts";

/** Converts a value that is not blank; a `Refusal` when that cannot be done without loss. */
export type Convert = (value: unknown) => unknown;

/** A resolver that comes with the connector. */
export interface SdkResolver {
  readonly options: z.ZodObject;
  /** The conversion, or what is wrong with the options. */
  readonly make: (options: Record<string, unknown>) => Convert | string;
}

/** Options of a resolver, as the mapping file gives them. */
export type ResolverOptions = Readonly<Record<string, unknown>>;

/** What a custom resolver is handed beside its value. */
export interface ResolverHelpers {
  /** The field's `options`. */
  readonly options: ResolverOptions;
  /** Ends the field with an error: "expected …". */
  fail(expected: string, code?: string): never;
  /** Converts by a resolver that comes with the connector, and fails as it does. */
  resolve(name: string, value: unknown, options?: ResolverOptions): unknown;
}

/** A resolver of one's own, `custom.NAME`: value, whole record, context, helpers; it may answer later. */
export type CustomResolver = (
  value: unknown,
  data: Readonly<Record<string, unknown>>,
  context: Readonly<Record<string, unknown>>,
  helpers: ResolverHelpers,
) => unknown;

/** Resolvers of one's own by their whole name. */
export type CustomResolvers = Readonly<Record<string, CustomResolver>>;

const noOptions = z.strictObject({});
const bounds = { min: z.number().optional(), max: z.number().optional() };
const separator = z.enum([",", ".", " ", "'", "_", "\u00a0", "\u202f"]);
const numberOptions = z.strictObject({
  ...bounds,
  thousands: separator.optional(),
  decimal: z.enum([".", ","]).optional(),
  trailingMinus: z.boolean().optional(),
});
const textOptions = z.strictObject({
  trim: z.boolean().optional(),
  oneOf: z.array(z.string()).min(1).optional(),
  noneOf: z.array(z.string()).min(1).optional(),
});
const dateOptions = z.strictObject({ format: z.string().optional(), zone: z.string().optional() });
const dayOptions = z.strictObject({ ...dateOptions.shape, dropTime: z.boolean().optional() });
const booleanOptions = z.strictObject({
  true: z.array(z.string()).min(1).optional(),
  false: z.array(z.string()).min(1).optional(),
});

/**
 * The resolvers that come with the connector. Each converts without loss or refuses; none invents a value.
 *
 * - `sdk.parseInt`: whole numbers; white space around and a leading sign allowed. `thousands`, `min`, `max`.
 * - `sdk.parseFloat`, `sdk.number`: decimal numbers a double keeps exactly. `decimal`, `thousands`, `min`, `max`.
 * - `sdk.trim`, `sdk.uppercase`, `sdk.lowercase`: text only. `oneOf`, `noneOf` check the outcome; `trim` the latter two.
 * - `sdk.formatDate`: `YYYY-MM-DDTHH:MM:SSZ`. `format`, `zone`.
 * - `sdk.formatDateShort`: `YYYY-MM-DD` of a date; of a time only with `dropTime` (the day in UTC). `format`, `zone`.
 * - `sdk.parseDate`: a `Date`. `format`, `zone`.
 * - `sdk.boolean`: true/false, yes/no, y/n, 1/0 in any case, or the lists `true` and `false`.
 * - `sdk.toString`: text, numbers and booleans as text. `sdk.toJson`, `sdk.parseJson`: JSON.
 * - `sdk.default`, `sdk.identity`, `sdk.coalesce`: the value as it is.
 */
export const SDK_RESOLVERS: ReadonlyMap<string, SdkResolver> = new Map([
  ["sdk.parseInt", define(numberOptions, wholeConverter)],
  ["sdk.parseFloat", define(numberOptions, decimalConverter)],
  ["sdk.number", define(numberOptions, decimalConverter)],
  ["sdk.trim", text((value) => value.trim())],
  ["sdk.uppercase", text((value) => value.toUpperCase())],
  ["sdk.lowercase", text((value) => value.toLowerCase())],
  ["sdk.formatDate", define(dateOptions, (options) => date(options, formatDate))],
  [
    "sdk.formatDateShort",
    define(dayOptions, (options) => date(options, formatDay(options.dropTime ?? false))),
  ],
  ["sdk.parseDate", define(dateOptions, (options) => date(options, ({ ms }) => new Date(ms)))],
  ["sdk.boolean", define(booleanOptions, booleanConverter)],
  ["sdk.toString", define(noOptions, () => toText)],
  ["sdk.parseJson", define(noOptions, () => fromJson)],
  ["sdk.toJson", define(noOptions, () => toJson)],
  ["sdk.default", define(noOptions, () => asItIs)],
  ["sdk.identity", define(noOptions, () => asItIs)],
  ["sdk.coalesce", define(noOptions, () => asItIs)],
]);

function define<T extends z.ZodObject>(
  options: T,
  make: (options: z.output<T>) => Convert | string,
): SdkResolver {
  return { options, make: (given) => make(options.parse(given)) };
}

function text(convert: (value: string) => string): SdkResolver {
  return define(textOptions, ({ trim, oneOf, noneOf }) => (value) => {
    if (typeof value !== "string") return new Refusal("not-text", "text");
    const converted = convert(trim ? value.trim() : value);
    if (oneOf && !oneOf.includes(converted)) return new Refusal("not-allowed", `one of ${oneOf.join(", ")}`);
    if (noneOf?.includes(converted)) return new Refusal("not-allowed", `anything but ${noneOf.join(", ")}`);
    return converted;
  });
}

/** The instants that four digits of a year can name in UTC. */
const FIRST_MS = Date.parse("0000-01-01T00:00:00Z");
const LAST_MS = Date.parse("9999-12-31T23:59:59.999Z");
const OUT_OF_YEARS = new Refusal("not-a-date", "a date from the year 0000 to 9999 in UTC");

/** Texts a date resolver remembers: files name few different dates, and name them again and again. */
const REMEMBERED_DATES = 1_000;

function date(
  { format, zone }: z.output<typeof dateOptions>,
  write: (date: { ms: number; hasTime: boolean }) => unknown,
): Convert | string {
  const parse = dateParser(format, zone);
  if (typeof parse === "string") return parse;
  const known = new Map<string, string>();
  return (value) => {
    if (value instanceof Date && !Number.isNaN(value.getTime())) {
      return write({ ms: value.getTime(), hasTime: true });
    }
    if (typeof value !== "string") return new Refusal("not-a-date", "a date as text");
    const before = known.get(value);
    if (before !== undefined) return before;
    const parsed = parse(value.trim());
    const written = parsed instanceof Refusal ? parsed : write(parsed);
    if (known.size >= REMEMBERED_DATES) known.clear();
    // A Date could be changed by whoever gets it.
    if (typeof written === "string") known.set(value, written);
    return written;
  };
}

/** As Fluent's attributes take them. Source: "Submit Inventory Batches With Attributes". */
function formatDate({ ms }: { ms: number }): unknown {
  if (ms < FIRST_MS || ms > LAST_MS) return OUT_OF_YEARS;
  if (ms % 1000 !== 0) return new Refusal("not-a-date", "a time in whole seconds");
  return new Date(ms).toISOString().slice(0, 19) + "Z";
}

function formatDay(dropTime: boolean) {
  return ({ ms, hasTime }: { ms: number; hasTime: boolean }): unknown => {
    if (ms < FIRST_MS || ms > LAST_MS) return OUT_OF_YEARS;
    if (hasTime && !dropTime) return new Refusal("not-a-date", "a date without a time");
    return new Date(ms).toISOString().slice(0, 10);
  };
}

function booleanConverter(options: z.output<typeof booleanOptions>): Convert | string {
  const yes = (options.true ?? ["true", "1", "yes", "y"]).map((word) => word.toLowerCase());
  const no = (options.false ?? ["false", "0", "no", "n"]).map((word) => word.toLowerCase());
  const both = yes.find((word) => no.includes(word));
  if (both !== undefined) return `expected '${both}' to be either true or false, found it as both`;
  const expected = `one of ${[...yes, ...no].join(", ")}`;
  return (value) => {
    if (typeof value === "boolean") return value;
    if (typeof value === "string" || typeof value === "number") {
      const word = String(value).trim().toLowerCase();
      if (yes.includes(word)) return true;
      if (no.includes(word)) return false;
    }
    return new Refusal("not-a-boolean", expected);
  };
}

function toText(value: unknown): unknown {
  if (typeof value === "string") return value;
  const isPlain = typeof value === "boolean" || typeof value === "bigint" ||
    (typeof value === "number" && Number.isFinite(value));
  return isPlain ? String(value) : new Refusal("not-text", "text, a number, true or false");
}

function fromJson(value: unknown): unknown {
  if (typeof value !== "string") return new Refusal("not-json", "JSON text");
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch (error) {
    if (error instanceof SyntaxError) return new Refusal("not-json", "JSON text");
    throw error;
  }
  // First of all, because what comes next goes as deep as the value.
  if (!isJson(parsed)) return new Refusal("not-json", "JSON at most 100 levels deep");
  let isLossy = false;
  // The value itself is told last, as if it were one, too.
  let keys = -1;
  JSON.parse(value, function (this: unknown, _key: string, one: unknown, context?: { source?: string }) {
    if (!Array.isArray(this)) keys++;
    if (typeof one === "number" && context?.source !== undefined && !isLossless(context.source)) {
      isLossy = true;
    }
    return one;
  });
  if (isLossy) return new Refusal("not-json", "JSON whose numbers can be kept exactly");
  return keysIn(value) > keys ? new Refusal("not-json", "JSON that names each key once") : parsed;
}

/** How many keys JSON text names: the strings before a colon. */
function keysIn(json: string): number {
  return json.match(/"(?:[^"\\]|\\.)*"\s*:/g)?.length ?? 0;
}

function toJson(value: unknown): unknown {
  return isJson(value) ? JSON.stringify(value) : new Refusal("not-json", "a value JSON can hold");
}

function asItIs(value: unknown): unknown {
  return value;
}
