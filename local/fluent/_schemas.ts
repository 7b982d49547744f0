import { z } from "zod";

/** Most entities in one batch (Fluent documentation, Batch API). */
export const MAX_ENTITIES = 5_000;

const retailerId = z.union([z.string().min(1), z.int()], "expected a string or a whole number");
const reference = z.string().min(1);

export const jobSchema = z.looseObject({
  name: z.string().min(1),
  retailerId,
  meta: z.record(z.string(), z.unknown()).nullish(),
});

/** Fields beyond the documented ones are let through, because the full table is not public. */
const entitySchema = z.looseObject({
  locationRef: reference,
  skuRef: reference,
  qty: z.int(),
  retailerId,
  correctedQty: z.int().optional(),
  type: z.string().optional(),
  status: z.string().optional(),
  attributes: z.record(z.string(), z.unknown()).nullish(),
});

export const batchSchema = z.looseObject({
  action: z.literal("UPSERT"),
  entityType: z.literal("INVENTORY"),
  source: z.string().optional(),
  event: z.string().optional(),
  catalogueRef: z.string().optional(),
  conditions: z.record(z.string(), z.unknown()).nullish(),
  entities: z.array(entitySchema).min(1).max(MAX_ENTITIES),
});

export type Entity = z.infer<typeof entitySchema>;

/** The first three things wrong, as one line: `entities[3].qty: …`. */
export function reasonOf(error: z.ZodError): string {
  return error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join(
      "",
    );
    return `${path.replace(/^\./, "") || "body"}: ${issue.message}`;
  }).join("; ");
}
