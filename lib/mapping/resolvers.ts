import { z } from "zod";
import type { Clock } from "../base/mod.ts";
import { dateParser } from "./_dates.ts";
import { decimalConverter, isLossless, wholeConverter } from "./_numbers.ts";
import { isJson } from "./_json.ts";
import { Refusal } from "./refusal.ts";

/** Converts a value that is not blank; a `Refusal` when that cannot be done without loss. */
export type Convert = (value: unknown) => unknown;

/** A resolver that comes with the connector. */
export interface SdkResolver {
  /** What it makes of what, for people. */
  readonly gives: string;
  /** What it does not take, for people. */
  readonly refuses: string;
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
  /** Aborts when the answer would come too late; only where a resolver may answer later, within a time. */
  readonly signal?: AbortSignal;
}

/**
 * A resolver of one's own, `custom.NAME`: value, whole record, context, helpers. One that answers later is an `async`
 * function: rows of files are asked by it, and a promise of any other function is refused there.
 */
export type CustomResolver = (
  value: unknown,
  data: Readonly<Record<string, unknown>>,
  context: Readonly<Record<string, unknown>>,
  helpers: ResolverHelpers,
) => unknown;

/** How long a resolver that answers later may take. */
export interface ResolverTimeout {
  readonly ms: number;
  readonly clock: Clock;
}

/** Resolvers of one's own by their whole name. */
export type CustomResolvers = Readonly<Record<string, CustomResolver>>;

const noOptions = z.strictObject({});
const numberOptions = z.strictObject({
  min: z.number().optional().describe("The least number that is taken."),
  max: z.number().optional().describe("The greatest number that is taken."),
  thousands: z.enum([",", ".", " ", "'", "_", "\u00a0", "\u202f"]).optional()
    .describe(
      "What stands between groups of three digits, as in 1,234. Digits without groups are taken, too.",
    ),
  decimal: z.enum([".", ","]).optional()
    .describe(
      'What stands before decimals; "." by default. For whole numbers: takes 12.00 as 12; without it, any decimals are refused.',
    ),
  trailingMinus: z.boolean().optional().describe("Takes 5- as -5, as some ERP systems write it."),
});
const textOptions = z.strictObject({
  trim: z.boolean().optional().describe("Takes white space off both ends first."),
  oneOf: z.array(z.string()).min(1).optional().describe("The only outcomes that are taken."),
  noneOf: z.array(z.string()).min(1).optional().describe("Outcomes that are refused."),
});
const dateOptions = z.strictObject({
  format: z.string().optional().describe(
    "How dates are written, instead of ISO 8601: YYYY, MM, DD, HH, mm, ss (M, D, H: one digit or two) and other characters as they are, such as DD.MM.YYYY.",
  ),
  zone: z.string().optional().describe(
    "The zone of times that name none: UTC, +01:00 or a name such as Europe/Berlin. Without it they are refused.",
  ),
});
const dayOptions = z.strictObject({
  ...dateOptions.shape,
  dropTime: z.boolean().optional().describe("Takes times, too, and gives the day they are in, in UTC."),
});
const booleanOptions = z.strictObject({
  true: z.array(z.string()).min(1).optional().describe("The words for true, in any case, instead of these."),
  false: z.array(z.string()).min(1).optional().describe(
    "The words for false, in any case, instead of these.",
  ),
});

const NOT_ISO =
  "Dates written otherwise, unless `format` says how; days that do not exist; times without a zone; times " +
  "that a zone's clocks skipped or showed twice.";
const NO_NUMBERS = "Words, exponents, hexadecimal, separators that no option names";
const AS_IT_IS = "Nothing; only blank is no value.";

/**
 * The resolvers that come with the connector. Each converts without loss or refuses; none invents a value.
 */
export const SDK_RESOLVERS: ReadonlyMap<string, SdkResolver> = new Map([
  [
    "sdk.parseInt",
    define(
      "A whole number from its digits; white space around it and a leading sign are allowed.",
      `${NO_NUMBERS}, decimals, and numbers beyond ±9007199254740991.`,
      numberOptions,
      wholeConverter,
    ),
  ],
  ["sdk.parseFloat", decimals()],
  ["sdk.number", decimals()],
  ["sdk.trim", text("Text without white space at both ends.", (value) => value.trim())],
  ["sdk.uppercase", text("Text in capitals.", (value) => value.toUpperCase())],
  ["sdk.lowercase", text("Text in small letters.", (value) => value.toLowerCase())],
  [
    "sdk.formatDate",
    define(
      "`YYYY-MM-DDTHH:MM:SSZ` of an ISO 8601 date or time; a date alone is midnight UTC.",
      `${NOT_ISO} Fractions of seconds.`,
      dateOptions,
      (options) => date(options, formatDate),
    ),
  ],
  [
    "sdk.formatDateShort",
    define(
      "`YYYY-MM-DD` of an ISO 8601 date.",
      `${NOT_ISO} Times, unless \`dropTime\` is set.`,
      dayOptions,
      (options) => date(options, formatDay(options.dropTime ?? false)),
    ),
  ],
  [
    "sdk.parseDate",
    define(
      "A `Date`, exact to the millisecond, of an ISO 8601 date or time.",
      NOT_ISO,
      dateOptions,
      (options) => date(options, ({ ms }) => new Date(ms)),
    ),
  ],
  [
    "sdk.boolean",
    define(
      "true or false of true, yes, y, 1 and false, no, n, 0 in any case, white space around allowed.",
      "Every other word or number.",
      booleanOptions,
      booleanConverter,
    ),
  ],
  [
    "sdk.toString",
    define("Text of text, a number, true or false.", "Objects, lists, dates.", noOptions, () => toText),
  ],
  [
    "sdk.parseJson",
    define(
      "The value that JSON text stands for.",
      "Text that is no JSON, numbers a double does not keep, keys named twice, more than 100 levels.",
      noOptions,
      () => fromJson,
    ),
  ],
  [
    "sdk.toJson",
    define(
      "JSON text of a value.",
      "What JSON does not hold: NaN, functions, circles.",
      noOptions,
      () => toJson,
    ),
  ],
  ["sdk.default", asItIs("The value as it is; a default is the field's `defaultValue`.")],
  ["sdk.identity", asItIs("The value as it is.")],
  ["sdk.coalesce", asItIs("The value as it is; other names of a column are its `aliases`.")],
]);

function define<T extends z.ZodObject>(
  gives: string,
  refuses: string,
  options: T,
  make: (options: z.output<T>) => Convert | string,
): SdkResolver {
  return { gives, refuses, options, make: (given) => make(options.parse(given)) };
}

function decimals(): SdkResolver {
  return define(
    "A decimal number that a double keeps digit by digit.",
    `${NO_NUMBERS}, a bare point as in .5 or 5., and more than 15 significant digits.`,
    numberOptions,
    decimalConverter,
  );
}

function asItIs(gives: string): SdkResolver {
  return define(gives, AS_IT_IS, noOptions, () => (value) => value);
}

function text(gives: string, convert: (value: string) => string): SdkResolver {
  const refuses = "Values that are not text.";
  return define(gives, refuses, textOptions, ({ trim, oneOf, noneOf }) => (value) => {
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
