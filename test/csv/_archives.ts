import { BlobWriter, Uint8ArrayReader, ZipWriter } from "@zip.js/zip.js";
import { bytesOf } from "./_reading.ts";

/** A zip archive of these files; names that end in `/` are folders. */
export async function zip(
  files: Readonly<Record<string, string | Uint8Array>>,
  options: { password?: string } = {},
): Promise<Uint8Array> {
  const writer = new ZipWriter(new BlobWriter(), { useWebWorkers: false, ...options });
  for (const [name, content] of Object.entries(files)) {
    const bytes = typeof content === "string" ? bytesOf(content) : content;
    await writer.add(name, name.endsWith("/") ? undefined : new Uint8ArrayReader(bytes), {
      directory: name.endsWith("/"),
    });
  }
  return new Uint8Array(await (await writer.close()).arrayBuffer());
}
