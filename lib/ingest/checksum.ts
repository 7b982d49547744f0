import { createHash } from "node:crypto";
import type { HeldBecause } from "./manifest.ts";
import type { Work } from "./work.ts";

/** What speaks against a file whose content is another one than its sender's manifest says. */
export async function otherContent(work: Work, sha256: string): Promise<HeldBecause | undefined> {
  const { expected, file } = work.request;
  if (!expected) return undefined;
  if (expected.sha256 !== undefined && expected.sha256 !== sha256) {
    return mismatch("SHA-256", sha256, expected.sha256, expected.by);
  }
  // The ETag of an object put at once is its MD5, in most stores: then it need not be read again.
  if (expected.md5 === undefined || expected.md5 === file.etag.toLowerCase()) return undefined;
  const md5 = await md5Of(work);
  return md5 === expected.md5 ? undefined : mismatch("MD5", md5, expected.md5, expected.by);
}

function mismatch(kind: string, found: string, expected: string, by: string): HeldBecause {
  return {
    code: "checksum-mismatch",
    message:
      `The file's ${kind} is ${found}, and the manifest '${by}' says ${expected}. Send the file again, or force it`,
    forcible: true,
  };
}

async function md5Of(work: Work): Promise<string> {
  const hash = createHash("md5");
  const { key, etag, size } = await work.readable();
  if (size === 0) return hash.digest("hex");
  const { body } = await work.ports.store.openFile(key, { ifMatch: etag, ...work.signal });
  for await (const chunk of body) {
    hash.update(chunk);
    await work.checkClaim();
  }
  return hash.digest("hex");
}
