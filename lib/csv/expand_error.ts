import { ConnectorError } from "../base/mod.ts";

/** What can be wrong with a compressed file. */
export type ExpandCode =
  /** It ends before its content does. */
  | "archive-truncated"
  /** A checksum is wrong, or it is not what it says it is. */
  | "archive-corrupt"
  /** It expands to more bytes than allowed. */
  | "archive-too-large"
  /** It expands further, for its size, than any real file does. */
  | "archive-ratio"
  /** A zip archive with no file in it, or with several. */
  | "archive-entries"
  /** A zip archive that needs a password. */
  | "archive-encrypted";

/** A compressed file that cannot be read, or must not be. Nothing that was expanded before may be trusted. */
export class ExpandError extends ConnectorError {
  override name = "ExpandError";

  constructor(code: ExpandCode, message: string, cause?: unknown) {
    super(message, { code, retry: "never", cause });
  }
}

/** How far a compressed file may expand. */
export interface ExpandLimits {
  /** Bytes after expanding. */
  readonly maxBytes: number;
  /** Bytes after expanding per byte before, counted from the first MiB on. */
  readonly maxRatio: number;
}

/** Bytes below which a ratio says nothing. */
const RATIO_FROM = 1024 * 1024;

/** @throws ExpandError when `expanded` bytes are too many, for `compressed` ones or at all */
export function checkExpansion(expanded: number, compressed: number, limits: ExpandLimits): void {
  if (expanded > limits.maxBytes) {
    throw new ExpandError(
      "archive-too-large",
      `The archive expands to more than ${limits.maxBytes} bytes, which is the most allowed`,
    );
  }
  if (expanded > RATIO_FROM && expanded > compressed * limits.maxRatio) {
    throw new ExpandError(
      "archive-ratio",
      `The archive expands to more than ${limits.maxRatio} times its size, which is the most allowed`,
    );
  }
}
