/** The writes of one record: while one is under way, all changes that come in meanwhile go out with the next. */
export class SharedWrite {
  readonly #write: () => Promise<void>;
  #under: Promise<void> | undefined;
  #next: Promise<void> | undefined;

  constructor(write: () => Promise<void>) {
    this.#write = write;
  }

  /** The last write that is under way or waiting, if any. */
  get last(): Promise<void> | undefined {
    return this.#next ?? this.#under;
  }

  /** Resolves once what is true now is stored. */
  now(): Promise<void> {
    if (this.#next) return this.#next;
    const write = async () => {
      this.#next = undefined;
      this.#under = this.#write();
      try {
        await this.#under;
      } finally {
        this.#under = undefined;
      }
    };
    if (!this.#under) return write();
    return this.#next = this.#under.then(write, write);
  }
}
