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

const batchSchema = z.looseObject({
  action: z.literal("UPSERT"),
  entityType: z.literal("INVENTORY"),
  source: z.string().optional(),
  event: z.string().optional(),
  catalogueRef: z.string().optional(),
  conditions: z.record(z.string(), z.unknown()).nullish(),
  entities: z.array(entitySchema).min(1).max(MAX_ENTITIES),
});

export type Entity = z.infer<typeof entitySchema>;

/** A batch that may be taken in, or what is wrong with it. */
export function readBatch(
  json: unknown,
): { readonly entities: readonly Entity[] } | { readonly reason: string } {
  // A batch without optional objects is by far the commonest, and looking at it by hand takes a tenth of the schema's time.
  if (isPlainBatch(json)) return json;
  const read = batchSchema.safeParse(json);
  return read.success ? read.data : { reason: reasonOf(read.error) };
}

/** Whether it is a batch the schema would take, of the commonest kind; false says nothing. */
function isPlainBatch(json: unknown): json is { entities: Entity[] } {
  if (!isObject(json) || json.action !== "UPSERT" || json.entityType !== "INVENTORY") return false;
  if (![json.source, json.event, json.catalogueRef].every(isTextOrAbsent) || json.conditions !== undefined) {
    return false;
  }
  const { entities } = json;
  return Array.isArray(entities) && entities.length >= 1 && entities.length <= MAX_ENTITIES &&
    entities.every(isPlainEntity);
}

function isPlainEntity(entity: unknown): boolean {
  return isObject(entity) && isReference(entity.locationRef) && isReference(entity.skuRef) &&
    Number.isSafeInteger(entity.qty) &&
    (isReference(entity.retailerId) || Number.isSafeInteger(entity.retailerId)) &&
    (entity.correctedQty === undefined || Number.isSafeInteger(entity.correctedQty)) &&
    isTextOrAbsent(entity.type) && isTextOrAbsent(entity.status) &&
    (entity.attributes === undefined || isObject(entity.attributes));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isReference(value: unknown): boolean {
  return typeof value === "string" && value !== "";
}

function isTextOrAbsent(value: unknown): boolean {
  return value === undefined || typeof value === "string";
}

/** The first three things wrong, as one line: `entities[3].qty: …`. */
export function reasonOf(error: z.ZodError): string {
  return error.issues.slice(0, 3).map((issue) => {
    const path = issue.path.map((part) => typeof part === "number" ? `[${part}]` : `.${String(part)}`).join(
      "",
    );
    return `${path.replace(/^\./, "") || "body"}: ${issue.message}`;
  }).join("; ");
}
