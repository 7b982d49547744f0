/** Why a file cannot be a CSV file at all. */
export interface ContentProblem {
  readonly code: string;
  readonly message: string;
}

/** First bytes of what people upload instead of CSV. Source: the formats' own specifications. */
const MAGIC: readonly (readonly [name: string, code: string, bytes: readonly number[]])[] = [
  ["a gzip archive", "content-gzip", [0x1f, 0x8b]],
  ["a zip archive or an Excel workbook", "content-zip", [0x50, 0x4b, 0x03, 0x04]],
  ["an empty zip archive", "content-zip", [0x50, 0x4b, 0x05, 0x06]],
  ["an old Excel workbook", "content-binary", [0xd0, 0xcf, 0x11, 0xe0]],
  ["a PDF document", "content-binary", [0x25, 0x50, 0x44, 0x46, 0x2d]],
  ["a Parquet file", "content-binary", [0x50, 0x41, 0x52, 0x31]],
  ["a Zstandard archive", "content-binary", [0x28, 0xb5, 0x2f, 0xfd]],
  ["an xz archive", "content-binary", [0xfd, 0x37, 0x7a, 0x58, 0x5a]],
];

/** Share of bytes that no text has above which bytes are no text. */
const MAX_CONTROL_SHARE = 0.1;

/** Known from its first bytes as something else. */
export function archiveOrDocument(bytes: Uint8Array): ContentProblem | undefined {
  for (const [name, code, magic] of MAGIC) {
    if (magic.every((byte, i) => bytes[i] === byte)) {
      return { code, message: `The file is ${name}, not CSV text` };
    }
  }
  return undefined;
}

/**
 * Not text in UTF-8 or anything that shares ASCII with it.
 *
 * @param delimiter the declared one: it may be a control character itself
 */
export function notText(bytes: Uint8Array, delimiter?: string): ContentProblem | undefined {
  const between = delimiter?.charCodeAt(0);
  let control = 0;
  let nul = 0;
  for (const byte of bytes) {
    if (byte === 0) nul++;
    if (byte !== between && (byte < 9 || (byte > 13 && byte < 32))) control++;
  }
  if (control <= bytes.length * MAX_CONTROL_SHARE) return undefined;
  if (nul > bytes.length / 3) {
    return {
      code: "encoding-unknown",
      message:
        "The file looks like UTF-16 without a byte order mark: declare its encoding (utf-16le or utf-16be)",
    };
  }
  return { code: "content-binary", message: "The file is binary data, not CSV text" };
}

/** Text, but of another kind. */
export function otherText(text: string): ContentProblem | undefined {
  const start = text.trimStart().slice(0, 64);
  if (/^<(!|\?|[a-z])/i.test(start)) {
    return { code: "content-markup", message: "The file is an HTML or XML document, not CSV text" };
  }
  if (/^(\[\s*[[{"\]\d]|\{\s*["}])/.test(start)) {
    return { code: "content-json", message: "The file is a JSON document, not CSV text" };
  }
  return undefined;
}
