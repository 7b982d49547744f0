import { parse } from "yaml";
import { z } from "zod";

const named = { description: z.string().min(1) };

const authObject = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("api-key") }),
  z.strictObject({ type: z.literal("basic-auth") }),
  z.strictObject({
    type: z.literal("oauth2"),
    grant: z.enum(["clientCredentials", "password"]).default("clientCredentials"),
    /** Path of the token endpoint on the system's own host; Fluent's is the default. */
    tokenPath: z.string().startsWith("/").default("/oauth/token"),
  }),
]);

/** How a system signs in. A bare type is the usual form of it. */
const authSchema = z.preprocess((auth) => typeof auth === "string" ? { type: auth } : auth, authObject);

const manifestSchema = z.strictObject({
  name: z.string().min(1),
  systems: z.record(z.string(), z.strictObject({ ...named, auth: authSchema })),
  schedules: z.record(z.string(), z.strictObject({ ...named, cron: z.string() })),
  webhooks: z.record(
    z.string(),
    z.strictObject({ ...named, method: z.string(), connection: z.string().optional() }),
  ),
  workflows: z.record(z.string(), z.strictObject(named)),
  notifications: z.strictObject({ channel: z.string().min(1) }),
  variables: z.record(
    z.string(),
    z.strictObject({
      ...named,
      type: z.enum(["string", "integer", "number", "boolean", "object", "array"]),
      required: z.boolean().default(false),
      default: z.json().optional(),
      enum: z.array(z.json()).optional(),
    }),
  ),
});

/** This project's own manifest, `versori.yaml`: what has to exist on the platform. */
export type Manifest = z.output<typeof manifestSchema>;
/** One of its systems. */
export type System = Manifest["systems"][string];

/** @throws Error naming each key that is wrong */
export function parseManifest(text: string): Manifest {
  const result = manifestSchema.safeParse(parse(text));
  if (result.success) return result.data;
  const problems = result.error.issues.map(({ path, message }) => `${path.join(".") || "(top)"}: ${message}`);
  throw new Error(`Cannot read versori.yaml: ${problems.join("; ")}`);
}

/** The systems that only check who calls a webhook: nothing is ever sent to them. */
export function isInbound(manifest: Manifest, system: string): boolean {
  return Object.values(manifest.webhooks).some(({ connection }) => connection === system);
}

/** The schema of the activation variables, as the platform takes it: plain JSON Schema. */
export function variablesSchema(manifest: Manifest): Record<string, unknown> {
  const entries = Object.entries(manifest.variables);
  return {
    type: "object",
    properties: Object.fromEntries(
      entries.map(([name, { required: _, ...property }]) => [name, property]),
    ),
    required: entries.filter(([, { required }]) => required).map(([name]) => name),
  };
}
