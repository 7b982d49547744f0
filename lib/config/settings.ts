import { z } from "zod";
import { ConfigError, isGlob, messageOf, nameTime } from "../base/mod.ts";

/** A whole number, also when the platform hands it over as text. */
const whole = (least: number, most: number) =>
  z.union([z.number(), z.string().regex(/^\d+$/, "expected a whole number").transform(Number)])
    .pipe(z.number().int().min(least).max(most));

/** A number, also when the platform hands it over as text. */
const decimal = (least: number, most: number) =>
  z.union([z.number(), z.string().regex(/^\d+(\.\d+)?$/, "expected a number").transform(Number)])
    .pipe(z.number().min(least).max(most));

const text = () => z.string().trim().min(1);

/** A key prefix: empty, or ending in `/`; never starting with one. */
const prefix = () =>
  z.string().trim().regex(
    /^([^/].*\/)?$/,
    "expected a key prefix that ends in '/' and doesn't start with one",
  );

/** How many rejected rows a file may have: a percentage of its rows (`5%`) or a count (`100`). */
export interface RejectLimit {
  readonly kind: "percent" | "count";
  readonly value: number;
}

const rejectLimit = () =>
  z.union([z.number().int().nonnegative().transform(String), z.string().trim()])
    .pipe(
      z.string().regex(/^(\d+(\.\d+)?%|\d+)$/, "expected a percentage such as '5%' or a count such as '100'"),
    )
    .transform((limit): RejectLimit =>
      limit.endsWith("%")
        ? { kind: "percent", value: Number(limit.slice(0, -1)) }
        : { kind: "count", value: Number(limit) }
    );

/** A time of day in UTC such as `06:30`; empty: none. */
const timeOfDay = () =>
  z.string().trim().regex(/^(([01]\d|2[0-3]):[0-5]\d)?$/, "expected a time such as '06:30'");

/** How names tell times, or nothing. */
const namePattern = () =>
  z.string().trim().superRefine((pattern, context) => {
    try {
      if (pattern !== "") nameTime(pattern);
    } catch (error) {
      const message = `expected a time such as '%Y%m%d-%H%M%S', but ${messageOf(error)}`;
      context.addIssue({ code: "custom", message });
    }
  });

/** A JSON object as text, or none; a platform may hand it over as an object, too. */
const jsonObject = () =>
  z.union([z.record(z.string(), z.unknown()), z.string()]).transform((value, context) => {
    if (typeof value !== "string") return value;
    if (value.trim() === "") return undefined;
    try {
      const parsed: unknown = JSON.parse(value);
      if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) {
        return parsed as Record<string, unknown>;
      }
    } catch {
      // Said below, as for JSON of another kind.
    }
    context.addIssue({ code: "custom", message: "expected a JSON object" });
    return z.NEVER;
  });

/** A percentage such as `50%`, as a number. */
const percentage = () =>
  z.string().trim().regex(/^(100(\.0+)?|\d{1,2}(\.\d+)?)%$/, "expected a percentage such as '50%'")
    .transform((percent) => Number(percent.slice(0, -1)));

/**
 * The activation variables the connector reads: the one place that says which there are, what they may be and what they
 * default to. `versori.yaml` declares the same ones for the platform; a test keeps the two in step.
 */
export const settingsSchema = z.object({
  s3BucketName: text(),
  s3Region: text().default("us-east-1"),
  s3Endpoint: z.union([z.literal(""), z.url({ protocol: /^https?$/ })]).default(""),
  s3ConditionalPut: z.enum(["auto", "yes", "no"]).default("auto"),
  s3Prefix: prefix().default("inventory/incoming/"),
  s3ArchivePrefix: prefix().default("inventory/archive/"),
  s3HeldPrefix: prefix().default("inventory/held/"),
  s3ErrorPrefix: prefix().default("inventory/errors/"),
  heldFiles: z.enum(["move", "leave"]).default("move"),
  failedFiles: z.enum(["move", "leave"]).default("move"),
  s3ReportPrefix: prefix().default("inventory/reports/"),
  s3WorkPrefix: prefix().default("inventory/work/"),
  filePattern: text().refine(isGlob, "expected at most 64 alternatives").default("*.{csv,csv.gz,csv.zip}"),
  fileTime: namePattern().default(""),
  // Webhooks' callers and the platform (30 s) wait for what a trigger does itself.
  discoverSeconds: decimal(0.001, 20).default(4),
  maxFilesPerRun: whole(0, 100_000).default(0),
  notYetSuffixes: z.string().default(".tmp,.part,.partial,.filepart,.uploading,.crdownload"),
  minFileAgeSeconds: decimal(0, 86_400).default(0),
  stableSeconds: decimal(0, 86_400).default(0),
  uploadManifest: z.string().trim().refine(isGlob, "expected at most 64 alternatives").default(""),
  doneMarkerSuffix: z.string().trim().default(""),
  feed: text().default("inventory"),
  mapping: text().default("inventory"),
  csvEncoding: text().default("auto"),
  csvDelimiter: z.string().min(1).default("auto"),
  rejectLimit: rejectLimit().default({ kind: "percent", value: 5 }),
  unknownColumns: z.enum(["ignore", "warn", "hold"]).default("ignore"),
  maxShrink: percentage().default(50),
  staleGuard: z.enum(["on", "off"]).default("on"),
  deltaFiles: z.string().trim().refine(isGlob, "expected at most 64 alternatives").default(""),
  maxRecordBytes: whole(1024, 64 * 1024 * 1024).default(1024 * 1024),
  maxExpandedMiB: whole(1, 1024 * 1024).default(4096),
  maxExpansionRatio: whole(2, 1_000_000).default(200),
  resolverConcurrency: whole(1, 100).default(8),
  resolverTimeoutSeconds: decimal(0.001, 20).default(10),
  fluentRetailerId: z.union([z.number().int().transform(String), z.string().trim()])
    .pipe(z.string().regex(/^[1-9]\d*$/, "expected the retailer's number, such as 1")),
  fluentSource: text().default("batch"),
  fluentEvent: text().default("InventoryChanged"),
  fluentPreprocessing: z.enum(["skip", "enabled"]).default("skip"),
  fluentCatalogueRef: z.string().trim().default(""),
  fluentConditions: jsonObject().prefault(""),
  fluentJobStrategy: z.enum(["per-file", "daily", "long-running"]).default("per-file"),
  // 5,000 is Fluent's limit of records per batch (its Batch API page); 0 leaves the size to the calculator.
  batchSize: whole(0, 5_000).default(0),
  // Fluent publishes no limit of bytes per request; this one is below what gateways usually take.
  maxRequestBytes: whole(10_000, 100_000_000).default(4 * 1024 * 1024),
  sendConcurrency: whole(1, 50).default(5),
  partitions: whole(1, 16).default(1),
  partitionAboveMiB: decimal(0, 1024 * 1024).default(64),
  partitionConcurrency: whole(0, 50).default(0),
  pollIntervalSeconds: decimal(0, 3_600).default(0),
  pollTimeoutMinutes: decimal(0.001, 1_440).default(60),
  stallTimeoutMinutes: decimal(0.001, 1_440).default(30),
  sliceSeconds: decimal(0.1, 60).default(20),
  payloadLimitBytes: whole(1, 100 * 1024 * 1024).default(5 * 1024 * 1024),
  jobTtlSeconds: whole(0, 10 * 365 * 86_400).default(604_800),
  // Long enough that a file sent again by mistake is known, short enough that a busy bucket's ledger ends.
  ledgerRetentionDays: whole(0, 3_650).default(90),
  expectedBy: timeOfDay().default(""),
  alertRejectLimit: rejectLimit().default({ kind: "percent", value: 1 }),
  alertWebhookUrl: z.union([z.literal(""), z.url({ protocol: /^https$/ })]).default(""),
  alertWebhookHosts: text().default("hooks.slack.com"),
});

/** The settings of one feed, checked. */
export type Settings = z.output<typeof settingsSchema>;

/** Names of the variables a feed can have values of its own for, and of those it shares with the others. */
export const SETTING_NAMES = Object.keys(settingsSchema.shape) as readonly (keyof Settings)[];

/** The values that are set, by variable: undefined, null and "" count as not set. */
export type Given = Readonly<Record<string, unknown>>;

/** The values of the named variables. */
export function given(names: readonly string[], getVariable: (name: string) => unknown): Given {
  const values: Record<string, unknown> = {};
  for (const name of names) {
    const value = getVariable(name);
    if (value !== undefined && value !== null && value !== "") values[name] = value;
  }
  return values;
}

/**
 * Checks the values of one feed and fills in the defaults.
 *
 * @param nameOf how a message names a variable
 * @throws ConfigError naming every variable that is missing or wrong
 */
export function checkSettings(values: Given, nameOf: (name: string) => string): Settings {
  const result = settingsSchema.safeParse(values);
  if (result.success) return result.data;
  const problems = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return Object.hasOwn(values, name)
      ? `${nameOf(name)}: ${lowerFirst(issue.message)}, found ${shown(values[name])}`
      : `${nameOf(name)} is missing; set it on the activation`;
  });
  throw new ConfigError(`Cannot read the configuration: ${problems.join("; ")}`);
}

/** Whether the store is declared to honour `If-None-Match` on put; Amazon S3 does since August 2024. */
export function hasConditionalPut({ s3ConditionalPut, s3Endpoint }: Settings): boolean {
  return s3ConditionalPut === "auto" ? s3Endpoint === "" : s3ConditionalPut === "yes";
}

/** A value in a message, cut short. */
export function shown(value: unknown): string {
  const json = JSON.stringify(value) ?? String(value);
  return json.length > 60 ? `${json.slice(0, 60)}…` : json;
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
