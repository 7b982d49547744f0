import { expand, ExpandError } from "../csv/mod.ts";
import { readRange } from "./batch_reader.ts";
import { type HeldBecause, type Manifest } from "./manifest.ts";
import type { Work } from "./work.ts";

type Problem = Pick<HeldBecause, "code" | "message">;

/**
 * The content of a compressed file. What it gives is to be trusted only once it has come to its end.
 *
 * @param file where it lies
 * @param head the file's first bytes
 * @param whole opens the file from its start
 * @throws ExpandError, while it is iterated
 */
export function expanded(
  work: Work,
  file: Manifest["source"],
  head: Uint8Array,
  whole: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const { settings, ports } = work;
  const read = (start: number, end: number) => readRange(ports.store, file, { start, end }, ports.signal);
  return expand(head, { whole, anywhere: () => ({ size: file.size, read }) }, {
    maxBytes: settings.maxExpandedMiB * 1024 * 1024,
    maxRatio: settings.maxExpansionRatio,
  });
}

/**
 * Writes a file that is not plain UTF-8 back as plain UTF-8 under the work prefix, so that any part of it can be read
 * by range. Bytes that the encoding doesn't know are a problem, never U+FFFD.
 *
 * A compressed or re-encoded stream cannot be taken up half-way, so this is one slice's work, whatever its size; the
 * copy appears whole or not at all.
 */
export async function normalise(
  work: Work,
  body: AsyncIterable<Uint8Array>,
  encoding: string,
): Promise<Manifest["source"] | { readonly problem: Problem }> {
  const { ports, settings, request } = work;
  const key = `${settings.s3WorkPrefix}${request.jobId}/source.csv`;
  const undecodable = new Undecodable();
  const decoder = encoding === "utf-8" ? undefined : new TextDecoder(encoding, { fatal: true });
  const utf8 = decoder ? decoded(body, decoder, undecodable) : body;
  let problem: Problem | undefined;
  async function* watched() {
    try {
      for await (const chunk of utf8) {
        await work.checkClaim();
        yield chunk;
      }
    } catch (error) {
      if (error instanceof ExpandError) problem = { code: error.code, message: error.message };
      if (undecodable.found) {
        problem = {
          code: "encoding-invalid",
          message: `The file is not valid ${encoding}: ${undecodable.where}`,
        };
      }
      throw error;
    }
  }
  try {
    const { etag, size } = await ports.store.uploadFile(key, watched(), {
      contentType: "text/csv; charset=utf-8",
      ...work.signal,
    });
    return { key, etag, size };
  } catch (error) {
    if (!problem) throw error;
    return { problem };
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
