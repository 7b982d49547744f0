import { Buffer } from "node:buffer";
import { createSHA256, type IHasher } from "hash-wasm";

/** The SHA-256 of a file as it is read, which can be put away and taken up again. Node's own cannot. */
export class FileHash {
  readonly #hasher: IHasher;
  /** Bytes of the file hashed so far. */
  bytes: number;

  private constructor(hasher: IHasher, bytes: number) {
    this.#hasher = hasher;
    this.bytes = bytes;
  }

  static async start(): Promise<FileHash> {
    return new FileHash((await createSHA256()).init(), 0);
  }

  /** @throws Error when the state was saved by another version of the hash */
  static async resume(saved: { readonly state: string; readonly bytes: number }): Promise<FileHash> {
    return new FileHash((await createSHA256()).load(Buffer.from(saved.state, "base64")), saved.bytes);
  }

  /**
   * Takes the file's next bytes. Those that were hashed before are passed over: a resumed reader starts at a record,
   * the hash stands where the last chunk ended.
   *
   * @param offset of the chunk in the file
   */
  update(chunk: Uint8Array, offset: number): void {
    const known = this.bytes - offset;
    if (known >= chunk.length) return;
    this.#hasher.update(known > 0 ? chunk.subarray(known) : chunk);
    this.bytes = offset + chunk.length;
  }

  save(): { state: string; bytes: number } {
    return { state: Buffer.from(this.#hasher.save()).toString("base64"), bytes: this.bytes };
  }

  digest(): string {
    return this.#hasher.digest("hex");
  }
}
