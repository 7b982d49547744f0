import { absent, errorOf, type Field, type MappingError, type Scope, settleLater } from "./_field.ts";
import { put } from "./_paths.ts";
import { isBlank, Refusal } from "./refusal.ts";

const NOT_AN_OBJECT = new Refusal("not-an-object", "an object");

/** What stays the same while one record is mapped. */
interface Mapped {
  readonly scope: Scope;
  readonly errors: MappingError[];
}

/**
 * Maps a record field by field, gathering every error.
 *
 * @param within what stands before the fields' names in errors: the list element they belong to
 */
export async function mapFields(
  fields: readonly Field[],
  record: unknown,
  mapped: Mapped,
  within = "",
): Promise<Record<string, unknown>> {
  const into: Record<string, unknown> = {};
  for (const field of fields) {
    const found = field.read(record, mapped.scope.context);
    const value = await valueOf(field, found, record, mapped, within);
    if (value instanceof Refusal) mapped.errors.push(errorOf(field, found, value, within));
    else if (value !== undefined) put(into, field.path, value);
  }
  return into;
}

async function valueOf(
  field: Field,
  found: unknown,
  record: unknown,
  mapped: Mapped,
  within: string,
): Promise<unknown> {
  if (field.element) return await listOf(field, field.element, found, mapped, within);
  if (!field.nested) return await settleLater(field, found, mapped.scope);
  const isGroup = field.config.source === undefined;
  if (!isGroup && isBlank(found)) return absent(field);
  return await objectOf(field, field.nested, isGroup ? record : found, mapped, within);
}

/** One object of nested fields; when none of them has a value, what the field without a value gets. */
async function objectOf(
  field: Field,
  nested: readonly Field[],
  found: unknown,
  mapped: Mapped,
  within: string,
): Promise<unknown> {
  if (typeof found !== "object" || found === null || Array.isArray(found)) return NOT_AN_OBJECT;
  const before = mapped.errors.length;
  const data = await mapFields(nested, found, mapped, within);
  // Fields that are wrong are not missing as well.
  return Object.keys(data).length > 0 || mapped.errors.length > before ? data : absent(field);
}

/** The elements that have a value; a value that is no list counts as a list of one. */
async function listOf(
  field: Field,
  element: Field,
  found: unknown,
  mapped: Mapped,
  within: string,
): Promise<unknown> {
  if (isBlank(found)) return absent(field);
  const before = mapped.errors.length;
  const values: unknown[] = [];
  for (const [i, one] of (Array.isArray(found) ? found : [found]).entries()) {
    const value = isBlank(one)
      ? undefined
      : field.nested
      ? await objectOf(element, field.nested, one, mapped, `${within}${field.name}[${i}].`)
      : await settleLater(element, one, mapped.scope);
    if (value instanceof Refusal) {
      mapped.errors.push(errorOf({ ...element, name: `${field.name}[${i}]` }, one, value, within));
    } else if (value !== undefined) values.push(value);
  }
  return values.length > 0 || mapped.errors.length > before ? values : absent(field);
}
