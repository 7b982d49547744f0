import { z } from "zod";
import { ConfigError } from "../base/mod.ts";

/** The keys requests to S3 are signed with. */
export interface S3Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Of temporary keys. */
  readonly sessionToken?: string;
}

const keysSchema = z.strictObject({
  accessKeyId: z.string().min(1),
  secretAccessKey: z.string().min(1),
  sessionToken: z.string().min(1).optional(),
});

/**
 * Reads the secret of the S3 connection: `ID:SECRET` as a basic-auth connection holds it, or the JSON object
 * `{"accessKeyId", "secretAccessKey", "sessionToken"?}` as an API-key connection may.
 *
 * @param system name of the connection, for the message
 * @throws ConfigError that says what was expected, without what was found
 */
export function readS3Secret(secret: string, system: string): S3Keys {
  const found = secret.trimStart().startsWith("{") ? fromJson(secret) : fromPair(secret);
  if (found) return found;
  throw new ConfigError(
    `Cannot sign in to S3: expected the connection '${system}' to hold an access key id as user and a secret as ` +
      "password, or both as accessKeyId and secretAccessKey of a JSON object",
  );
}

function fromPair(pair: string): S3Keys | undefined {
  // Key ids hold no colon; secrets may.
  const colon = pair.indexOf(":");
  if (colon < 1 || colon === pair.length - 1) return undefined;
  return { accessKeyId: pair.slice(0, colon), secretAccessKey: pair.slice(colon + 1) };
}

function fromJson(text: string): S3Keys | undefined {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return undefined;
  }
  const { data } = keysSchema.safeParse(read);
  if (!data) return undefined;
  const { accessKeyId, secretAccessKey, sessionToken } = data;
  return { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) };
}
