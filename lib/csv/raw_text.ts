import { isUtf8 } from "node:buffer";

/** Bytes shown of a line above the size limit. */
const SHOWN_BYTES = 1024;

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * The text of a record's bytes, without its line terminator. Bytes that are not UTF-8 are shown as `\xHH`, so that
 * nothing is hidden behind U+FFFD.
 */
export function rawText(bytes: Uint8Array): string {
  let end = bytes.length;
  if (bytes[end - 1] === 10) end--;
  if (bytes[end - 1] === 13) end--;
  return decode(bytes.subarray(0, end));
}

/**
 * The first characters of a line too long to show whole.
 *
 * @param bytes its start: more than is shown, or all of it
 * @param length bytes it has
 * @param limit the size limit it is above
 */
export function rawHead(bytes: Uint8Array, length: number, limit: number): string {
  // Less than the limit by a CRLF, so that what is shown doesn't depend on where a chunk ended.
  const shown = Math.min(SHOWN_BYTES, Math.max(limit - 2, 0));
  let end = shown;
  // Not through the middle of a character.
  while (end > shown - 4 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${decode(bytes.subarray(0, Math.max(end, 0)))}… (${length} bytes)`;
}

/** How much of a long line has to be kept to show it. */
export const RAW_HEAD_BYTES = SHOWN_BYTES + 1;

function decode(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return decoder.decode(bytes);
  let text = "";
  for (let i = 0; i < bytes.length;) {
    const first = bytes[i] ?? 0;
    const width = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const char = bytes.subarray(i, i + width);
    if (char.length === width && isUtf8(char)) {
      text += decoder.decode(char);
      i += width;
    } else {
      text += `\\x${first.toString(16).padStart(2, "0").toUpperCase()}`;
      i++;
    }
  }
  return text;
}
