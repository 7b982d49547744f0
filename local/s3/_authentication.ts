import { timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { SignatureV4 } from "@smithy/signature-v4";
import { S3Failure } from "./_errors.ts";

/** The one pair of keys a server accepts. */
export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** A request as it came: path and query still encoded. */
export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Checks the AWS Signature Version 4 in a request's Authorization header, with S3's own codes for what is wrong.
 *
 * The signature covers method, path, query and signed headers, `x-amz-content-sha256` among them; that the body has
 * this hash is not checked, nor how old the request is. Presigned URLs are refused.
 *
 * @throws S3Failure `AccessDenied`, `AuthorizationHeaderMalformed`, `InvalidAccessKeyId` or `SignatureDoesNotMatch`.
 */
export async function authenticate(request: SignedRequest, credentials: S3Credentials): Promise<void> {
  const header = request.headers.authorization;
  if (header === undefined) throw new S3Failure("AccessDenied", "Access Denied", 403);
  const claim =
    /^AWS4-HMAC-SHA256 +Credential=([^/]+)\/(\d{8})\/([^/]+)\/([^/]+)\/aws4_request, *SignedHeaders=([^,]+), *Signature=([0-9a-f]{64})$/
      .exec(header);
  if (claim === null) {
    throw new S3Failure("AuthorizationHeaderMalformed", "The authorization header is malformed.", 400);
  }
  const [, accessKeyId, , region = "", service = "", signedHeaders = ""] = claim;
  if (accessKeyId !== credentials.accessKeyId) {
    throw new S3Failure(
      "InvalidAccessKeyId",
      "The AWS Access Key Id you provided does not exist in our records.",
      403,
    );
  }
  const expected = await sign(request, credentials, region, service, signedHeaders.split(";"));
  if (!equal(expected, header.slice(header.lastIndexOf("=") + 1))) {
    throw new S3Failure(
      "SignatureDoesNotMatch",
      "The request signature we calculated does not match the signature you provided. " +
        "Check your key and signing method.",
      403,
    );
  }
}

/** Signs the request as its sender should have. @returns the signature in hex. */
async function sign(
  request: SignedRequest,
  credentials: S3Credentials,
  region: string,
  service: string,
  signedHeaders: readonly string[],
): Promise<string> {
  const headers: Record<string, string> = {};
  for (const name of [...signedHeaders, "x-amz-content-sha256"]) {
    const value = request.headers[name];
    if (typeof value === "string") headers[name] = value;
  }
  const [path = "/", query = ""] = request.url.split("?");
  const signer = new SignatureV4({
    credentials,
    region,
    service,
    sha256: Sha256,
    // S3 signs the path as it is on the wire (Amazon S3 API Reference, Authenticating Requests).
    uriEscapePath: false,
    applyChecksum: false,
  });
  const signed = await signer.sign(
    { method: request.method, protocol: "http:", hostname: "", path, query: parsedQuery(query), headers },
    { signingDate: amzDate(request.headers["x-amz-date"]), signableHeaders: new Set(signedHeaders) },
  );
  return signed.headers.authorization?.split("Signature=")[1] ?? "";
}

function parsedQuery(query: string): Record<string, string | string[]> {
  const parsed: Record<string, string[]> = {};
  for (const pair of query.split("&").filter((pair) => pair !== "")) {
    const [name = "", value = ""] = pair.split("=", 2).map(decodeURIComponent);
    (parsed[name] ??= []).push(value);
  }
  return parsed;
}

/** `20260131T235959Z` */
function amzDate(text: string | string[] | undefined): Date {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(String(text));
  if (parts === null) {
    throw new S3Failure("AccessDenied", "AWS authentication requires a valid x-amz-date header", 403);
  }
  const [, year, month, day, hour, minute, second] = parts;
  return new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function equal(a: string, b: string): boolean {
  const [left, right] = [new TextEncoder().encode(a), new TextEncoder().encode(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}

/** SHA-256, or its HMAC when given a key, in the form the signer wants. */
class Sha256 {
  readonly #key: Uint8Array<ArrayBuffer> | undefined;
  #data = new Uint8Array();

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#key = secret === undefined ? undefined : bytesOf(secret);
  }

  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#data = new Uint8Array([...this.#data, ...bytesOf(data)]);
  }

  /** By Web Crypto, because Deno 2.3 prints a deprecation warning for every use of node's HMAC. */
  async digest(): Promise<Uint8Array> {
    if (this.#key === undefined) return new Uint8Array(await crypto.subtle.digest("SHA-256", this.#data));
    const algorithm = { name: "HMAC", hash: "SHA-256" };
    const key = await crypto.subtle.importKey("raw", this.#key, algorithm, false, ["sign"]);
    return new Uint8Array(await crypto.subtle.sign("HMAC", key, this.#data));
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (typeof data === "string") return Uint8Array.from(new TextEncoder().encode(data));
  return ArrayBuffer.isView(data)
    ? Uint8Array.from(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    : new Uint8Array(data);
}
