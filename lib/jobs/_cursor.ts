import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";

const cursorSchema = z.object({
  v: z.literal(1),
  /** Which question it belongs to. */
  of: z.string().max(32),
  /** The last job given: the next page starts below it. */
  below: z.tuple([z.string().max(40), z.string().max(128)]).nullable(),
  /** The list that was being read, and the store's own cursor in it. */
  list: z.number().int().min(0).max(1_000),
  after: z.string().max(512).optional(),
  /** Jobs that were read but not given yet. */
  carried: z.array(z.string().max(128)).max(100),
});
export type Cursor = Omit<z.output<typeof cursorSchema>, "v" | "of">;

/** Longest cursor read, in characters. */
export const MAX_CURSOR_CHARS = 16_384;

/** A short name for a question: a cursor of another one is refused. */
export function questionId(question: unknown): string {
  return createHash("sha256").update(JSON.stringify(question)).digest("hex").slice(0, 16);
}

export function encodeCursor(of: string, cursor: Cursor): string {
  return Buffer.from(JSON.stringify({ v: 1, of, ...cursor })).toString("base64url");
}

/** @throws ConnectorError `cursor-invalid` */
export function decodeCursor(of: string, text: string): Cursor {
  const parsed = cursorSchema.safeParse(jsonOf(text));
  if (parsed.success && parsed.data.of === of) return parsed.data;
  throw new ConnectorError(
    "Cannot go on from this cursor: expected the nextCursor of an earlier page of the same query",
    { code: "cursor-invalid", retry: "never" },
  );
}

function jsonOf(text: string): unknown {
  if (text.length > MAX_CURSOR_CHARS) return undefined;
  try {
    return JSON.parse(Buffer.from(text, "base64url").toString("utf8"));
  } catch {
    return undefined; // refused by the schema
  }
}
