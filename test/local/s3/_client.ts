import { ListObjectsV2Command, S3Client, type S3ServiceException } from "@aws-sdk/client-s3";
import {
  type S3Credentials,
  type S3Server,
  type S3ServerOptions,
  startS3Server,
} from "../../../local/s3/mod.ts";

export const Bucket = "inventory";
export const keys: S3Credentials = { accessKeyId: "LOCALKEY", secretAccessKey: "local secret/+=" };

/** A client as the connector sets its own up: the plain subset of S3, no retries. */
export function clientOf(url: string, credentials: S3Credentials = keys): S3Client {
  return new S3Client({
    endpoint: url,
    region: "us-east-1",
    credentials,
    forcePathStyle: true,
    requestChecksumCalculation: "WHEN_REQUIRED",
    responseChecksumValidation: "WHEN_REQUIRED",
    maxAttempts: 1,
  });
}

/** Runs a server on a folder of its own for one test; signatures are checked. */
export async function withS3(
  options: Partial<S3ServerOptions>,
  work: (client: S3Client, server: S3Server, stateDir: string) => Promise<void>,
): Promise<void> {
  await withFolder(async (stateDir) => {
    const server = await startS3Server({ stateDir, buckets: [Bucket], credentials: keys, ...options });
    const client = clientOf(server.url);
    try {
      await work(client, server, stateDir);
    } finally {
      client.destroy();
      await server.stop();
    }
  });
}

export async function withFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await Deno.makeTempDir();
  try {
    await work(dir);
  } finally {
    await Deno.remove(dir, { recursive: true });
  }
}

export interface Listed {
  readonly key: string | undefined;
  readonly size: number | undefined;
  readonly etag: string | undefined;
  readonly modified: number | undefined;
}

/** The whole bucket, page by page, and how many pages it took. */
export async function listAll(
  client: S3Client,
  query: { readonly Prefix?: string; readonly MaxKeys?: number } = {},
): Promise<{ readonly objects: Listed[]; readonly pages: number }> {
  const objects: Listed[] = [];
  let pages = 0;
  let token: string | undefined;
  do {
    const page = await client.send(
      new ListObjectsV2Command({
        Bucket,
        ...query,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      }),
    );
    pages += 1;
    for (const { Key, Size, ETag, LastModified } of page.Contents ?? []) {
      objects.push({ key: Key, size: Size, etag: ETag, modified: LastModified?.getTime() });
    }
    token = page.NextContinuationToken;
    if (page.IsTruncated !== (token !== undefined)) throw new Error("a truncated page has no token");
  } while (token !== undefined);
  return { objects, pages };
}

/** The code and status of the error a call must end in. */
export async function refusalOf(call: Promise<unknown>): Promise<[string, number | undefined]> {
  try {
    await call;
  } catch (error) {
    const { name, $metadata } = error as S3ServiceException;
    return [name, $metadata?.httpStatusCode];
  }
  throw new Error("expected a refusal, found an answer");
}

/** Bytes that differ along the way, so that a stretch taken from the wrong place shows. */
export function patterned(length: number, seed = 0): Uint8Array<ArrayBuffer> {
  const bytes = new Uint32Array(Math.ceil(length / 4));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.imul(i + seed, 2654435761);
  return new Uint8Array(bytes.buffer, 0, length);
}
