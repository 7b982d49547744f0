import type { z } from "zod";
import { type KVStore, StateError } from "./kv.ts";

/**
 * Reads one versioned record through its schema: the only door by which state enters the connector.
 *
 * @returns the record, or undefined when there is none
 * @throws StateError `state-unreadable` when the stored value doesn't fit the schema
 */
export async function readRecord<S extends z.ZodType>(
  kv: KVStore,
  key: readonly string[],
  schema: S,
): Promise<z.output<S> | undefined> {
  const value = await kv.get(key);
  return value === undefined ? undefined : parseRecord(key, value, schema);
}

/** Checks one stored value against its schema. */
export function parseRecord<S extends z.ZodType>(
  key: readonly string[],
  value: unknown,
  schema: S,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const first = result.error.issues[0];
  throw new StateError(
    `Cannot read the record '${key.join("/")}': at '${first?.path.join(".") ?? ""}': ${
      first?.message ?? "unreadable"
    }`,
    { code: "state-unreadable", retry: "never", details: { key } },
  );
}
