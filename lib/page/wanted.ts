import { z } from "zod";
import { checkJobId, type HistoryQuery, JOB_STATUSES, TRIGGERS } from "../jobs/mod.ts";
import { JOB_ACTIONS, type JobAction, type JobRow, ROW_OUTCOMES } from "../ingest/mod.ts";
import type { HttpCall } from "./same_origin.ts";

/** The reports that can be downloaded, by the name they are asked for. */
export const DOWNLOADS = ["rejects.csv", "rejects.jsonl", "summary.json"] as const;
export type Download = typeof DOWNLOADS[number];

/** The list's filters, as they stand in the address. */
export interface Filters {
  readonly status?: typeof JOB_STATUSES[number] | undefined;
  readonly feed?: string | undefined;
  readonly trigger?: typeof TRIGGERS[number] | undefined;
  readonly file?: string | undefined;
  readonly q?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** What a call wants to see or to have done. */
export type Wanted =
  | {
    readonly kind: "list";
    readonly filters: Filters;
    readonly cursor?: string | undefined;
    /** Days the chart covers. */
    readonly days: number;
    /** Only what changes while jobs run. */
    readonly live: boolean;
  }
  | {
    readonly kind: "job";
    readonly jobId: string;
    readonly outcome?: JobRow["outcome"] | undefined;
    readonly q?: string | undefined;
    readonly cursor?: string | undefined;
    readonly done?: JobAction | undefined;
  }
  | { readonly kind: "download"; readonly jobId: string; readonly file: Download }
  | { readonly kind: "confirm"; readonly jobId: string; readonly action: JobAction }
  | {
    readonly kind: "act";
    readonly jobId: string;
    readonly action: JobAction;
    readonly token: string;
    readonly reason?: string | undefined;
  }
  | {
    readonly kind: "explain";
    readonly sku: string;
    readonly location: string;
    readonly at?: string | undefined;
  }
  | { readonly kind: "refused"; readonly status: 400 | 405; readonly message: string };

/** How many days the chart can cover. */
export const DAY_RANGES = [7, 14, 31] as const;

/** An empty field of a form is one that was not filled in. */
const optional = <S extends z.ZodType>(schema: S) =>
  z.preprocess(
    (value) => typeof value === "string" && value.trim() === "" ? undefined : value,
    schema.optional(),
  );
const text = (most: number) => optional(z.string().trim().max(most));
const cursor = optional(z.string().max(8_192));
const action = z.enum(JOB_ACTIONS);

const listSchema = z.object({
  status: optional(z.enum(JOB_STATUSES)),
  feed: text(200),
  trigger: optional(z.enum(TRIGGERS)),
  file: text(1_024),
  q: text(200),
  from: optional(z.iso.date()),
  to: optional(z.iso.date()),
  cursor,
  days: z.preprocess((value) => value === undefined ? 14 : Number(value), z.literal([...DAY_RANGES])),
  part: optional(z.literal("live")),
});
const jobSchema = z.object({
  outcome: optional(z.enum(ROW_OUTCOMES)),
  q: text(200),
  cursor,
  done: optional(action),
});
const explainSchema = z.object({
  sku: z.string().trim().max(200).default(""),
  location: z.string().trim().max(200).default(""),
  at: optional(z.string().trim().pipe(z.iso.datetime({ offset: true }))),
});

/** Reads what a call wants; what it doesn't understand is refused by name, never guessed. */
export function parseCall(call: HttpCall): Wanted {
  const { query } = call;
  const posts = call.method === "POST";
  if (!posts && call.method !== "GET" && call.method !== "HEAD") {
    return {
      kind: "refused",
      status: 405,
      message: "This page can be read (GET), and its forms sent (POST).",
    };
  }
  try {
    if (posts) return parseForm(call);
    if (query["explain"] !== undefined) return { kind: "explain", ...explainSchema.parse(query) };
    if (query["job"] === undefined) {
      const { cursor, days, part, ...filters } = listSchema.parse(query);
      return { kind: "list", filters, cursor, days, live: part === "live" };
    }
    const jobId = query["job"];
    checkJobId(jobId);
    if (query["download"] !== undefined) {
      return { kind: "download", jobId, file: z.enum(DOWNLOADS).parse(query["download"]) };
    }
    if (query["action"] !== undefined) {
      return { kind: "confirm", jobId, action: action.parse(query["action"]) };
    }
    return { kind: "job", jobId, ...jobSchema.parse(query) };
  } catch (error) {
    return { kind: "refused", status: 400, message: refusalOf(error) };
  }
}

function parseForm({ query, body }: HttpCall): Wanted {
  const jobId = query["job"];
  checkJobId(jobId);
  const form = new URLSearchParams(body);
  return {
    kind: "act",
    jobId,
    action: action.parse(query["action"]),
    token: form.get("token") ?? "",
    reason: text(500).parse(form.get("reason") ?? undefined),
  };
}

function refusalOf(error: unknown): string {
  if (!(error instanceof z.ZodError)) {
    return error instanceof Error ? error.message : "The address is not understood.";
  }
  const first = error.issues[0];
  return `The address is not understood: at '${first?.path.join(".") || "download or action"}': ${
    first?.message ?? ""
  }`;
}

/** The filters as the history is asked. `to` is a day that is included. */
export function queryOf(filters: Filters, cursor: string | undefined, limit: number): HistoryQuery {
  const { status, feed, trigger, file, q, from, to } = filters;
  return {
    limit,
    ...(status === undefined ? {} : { status: [status] }),
    ...(feed === undefined ? {} : { feed }),
    ...(trigger === undefined ? {} : { trigger }),
    ...(file === undefined ? {} : { fileName: file }),
    ...(q === undefined ? {} : { text: q }),
    ...(from === undefined ? {} : { from }),
    ...(to === undefined ? {} : { to: new Date(Date.parse(to) + 86_400_000).toISOString() }),
    ...(cursor === undefined ? {} : { cursor }),
  };
}
