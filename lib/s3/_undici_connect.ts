import type { Socket } from "node:net";
import { buildConnector } from "undici";

/**
 * How undici opens a connection, with a time limit that leaves no timer behind and a way to give up on all that are
 * not open yet; undici itself would wait for them even when it is closed.
 */
export class Connector {
  readonly #limitMs: number;
  readonly #open = buildConnector({ timeout: 0 });
  readonly #opening = new Set<Socket>();

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  readonly connect: buildConnector.connector = (options, callback) => {
    const done = (...result: Parameters<buildConnector.Callback>) => {
      clearTimeout(timer);
      this.#opening.delete(socket);
      callback(...result);
    };
    // undici's connector gives its socket back, though its type does not say so.
    const socket = this.#open(options, done) as unknown as Socket;
    this.#opening.add(socket);
    const timer = setTimeout(() => this.#giveUp(socket), this.#limitMs);
  };

  /** Gives up on every connection that is not open yet. */
  close(): void {
    for (const socket of this.#opening) this.#giveUp(socket);
  }

  #giveUp(socket: Socket): void {
    socket.destroy(
      Object.assign(new Error(`no connection within ${this.#limitMs} ms`), { code: "ETIMEDOUT" }),
    );
  }
}
