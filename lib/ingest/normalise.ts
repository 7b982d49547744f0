import type { Manifest } from "./manifest.ts";
import type { Work } from "./work.ts";

/**
 * Writes a file that is not plain UTF-8 back as plain UTF-8 under the work prefix, so that any part of it can be read
 * by range. Bytes that the encoding doesn't know are a problem, never U+FFFD.
 */
export async function normalise(
  work: Work,
  body: AsyncIterable<Uint8Array>,
  encoding: string,
): Promise<Manifest["source"] | { readonly problem: { readonly code: string; readonly message: string } }> {
  const { ports, settings, request } = work;
  let decoder: TextDecoder;
  try {
    decoder = new TextDecoder(encoding, { fatal: true });
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { problem: { code: "encoding-unknown", message: `The encoding '${encoding}' is not known` } };
  }
  const key = `${settings.s3WorkPrefix}${request.jobId}/source.csv`;
  const undecodable = new Undecodable();
  try {
    const { etag, size } = await ports.store.uploadFile(key, decoded(body, decoder, undecodable), {
      contentType: "text/csv; charset=utf-8",
      ...work.signal,
    });
    return { key, etag, size };
  } catch (error) {
    if (!undecodable.found) throw error;
    return {
      problem: {
        code: "encoding-invalid",
        message: `The file is not valid ${encoding}: ${undecodable.where}`,
      },
    };
  }
}

/** Where decoding came to an end, told beside the stream that carries the error. */
class Undecodable {
  found = false;
  where = "";
}

async function* decoded(
  body: AsyncIterable<Uint8Array>,
  decoder: TextDecoder,
  undecodable: Undecodable,
): AsyncGenerator<Uint8Array> {
  const encoder = new TextEncoder();
  let bytes = 0;
  const decode = (chunk: Uint8Array | undefined): string => {
    try {
      return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
    } catch (error) {
      undecodable.found = true;
      undecodable.where = chunk ? `undecodable bytes after byte ${bytes}` : "it ends within a character";
      throw error;
    }
  };
  for await (const chunk of body) {
    yield encoder.encode(decode(chunk));
    bytes += chunk.length;
  }
  const rest = decode(undefined);
  if (rest) yield encoder.encode(rest);
}
