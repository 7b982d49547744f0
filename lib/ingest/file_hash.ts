import { Buffer } from "node:buffer";
import { createSHA256 } from "hash-wasm";

/** Made once, because making one takes a turn of the event loop. It keeps nothing from one call to the next. */
const engine = await createSHA256();

/** The SHA-256 of a file as it is read, which can be put away and taken up again. Node's own cannot. */
export class FileHash {
  #state: Uint8Array;
  /** Bytes of the file hashed so far. */
  bytes: number;

  /**
   * @param saved what `save` gave
   * @throws Error when it was saved by another version of the hash
   */
  constructor(saved?: { readonly state: string; readonly bytes: number }) {
    const start = saved ? engine.load(Buffer.from(saved.state, "base64")) : engine.init();
    this.#state = start.save();
    this.bytes = saved?.bytes ?? 0;
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
    this.#state = engine.load(this.#state).update(known > 0 ? chunk.subarray(known) : chunk).save();
    this.bytes = offset + chunk.length;
  }

  save(): { state: string; bytes: number } {
    return { state: Buffer.from(this.#state).toString("base64"), bytes: this.bytes };
  }

  digest(): string {
    return engine.load(this.#state).digest("hex");
  }
}
