import { createHash } from "node:crypto";
import { LIVE_SCRIPT } from "./live_script.ts";
import { STYLE } from "./style.ts";

/** What the page answers: plain data, since tasks of the platform hand each other JSON. */
export type PageAnswer =
  | { readonly kind: "html"; readonly status: number; readonly html: string }
  | { readonly kind: "redirect"; readonly to: string }
  | {
    readonly kind: "download";
    /** Key of the object in the bucket. */
    readonly key: string;
    /** Name it is saved under. */
    readonly name: string;
    readonly contentType: string;
  };

function hash(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}

/** Nothing may be loaded from anywhere, and only the page's own style and script run: injected ones would not. */
const POLICY = [
  "default-src 'none'",
  `style-src ${hash(STYLE)}`,
  `script-src ${hash(LIVE_SCRIPT)}`,
  "img-src data:",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

const COMMON = {
  "cache-control": "no-store",
  "content-security-policy": POLICY,
  "cross-origin-opener-policy": "same-origin",
  // Not `no-referrer`: a form's own origin would then be sent as "null".
  "referrer-policy": "same-origin",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** The headers of an answer. */
export function pageHeaders(answer: PageAnswer): Record<string, string> {
  switch (answer.kind) {
    case "html":
      return { ...COMMON, "content-type": "text/html; charset=utf-8" };
    case "redirect":
      return { ...COMMON, location: answer.to };
    case "download":
      return {
        ...COMMON,
        "content-type": answer.contentType,
        // A file name is somebody else's text: nothing of it but harmless characters comes into a header.
        "content-disposition": `attachment; filename="${answer.name.replaceAll(/[^A-Za-z0-9._-]/g, "_")}"`,
      };
  }
}
