import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/**
 * Secrets that are looked for wherever they should not be: as they are, and as they travel, in URL encoding, form encoding,
 * JSON, hex, and base64 at any place of a longer text.
 */
export class Canaries {
  readonly #forms = new Map<string, string>();

  constructor(secrets: Readonly<Record<string, string>>) {
    for (const [name, secret] of Object.entries(secrets)) {
      for (const form of formsOf(secret)) this.#forms.set(form, name);
    }
  }

  /** Asserts that none of them is in `text`. */
  notIn(text: string, where: string): void {
    for (const [form, name] of this.#forms) {
      const at = text.indexOf(form);
      assert(at < 0, `${name} seen in ${where}: …${text.slice(Math.max(0, at - 200), at + 60)}`);
    }
  }

  /** Asserts that none of them is in any file below a folder, nor in any cell of a database there. @returns what was read. */
  async notBelow(
    folder: string,
    except: (path: string, table?: string) => boolean = () => false,
  ): Promise<{ files: number; cells: number }> {
    const seen = { files: 0, cells: 0 };
    for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
      const path = join(entry.parentPath, entry.name);
      if (!entry.isFile() || except(path)) continue;
      if (path.endsWith(".sqlite")) seen.cells += this.#notInDatabase(path, except);
      // Of databases too: pages that were freed still hold what was in them.
      const isException = path.includes(".sqlite") && except(path.replace(/\.sqlite.*/, ".sqlite"), "*");
      if (!isException) this.notIn((await readFile(path)).toString("latin1"), path);
      seen.files++;
    }
    return seen;
  }

  #notInDatabase(path: string, except: (path: string, table?: string) => boolean): number {
    const db = new DatabaseSync(path, { readOnly: true });
    let cells = 0;
    try {
      const tables = db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as {
        name: string;
      }[];
      for (const { name } of tables) {
        if (except(path, name)) continue;
        for (const row of db.prepare(`SELECT * FROM "${name}"`).all()) {
          for (const [column, cell] of Object.entries(row)) {
            const text = cell instanceof Uint8Array ? new TextDecoder().decode(cell) : String(cell);
            this.notIn(text, `${path}, ${name}.${column}`);
            cells++;
          }
        }
      }
    } finally {
      db.close();
    }
    return cells;
  }
}

function formsOf(secret: string): Set<string> {
  const bytes = new TextEncoder().encode(secret);
  const plain = [secret, Buffer.from(bytes).toString("latin1")];
  const encoded = [
    encodeURIComponent(secret),
    encodeURIComponent(secret).toLowerCase(),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    JSON.stringify(JSON.stringify(secret)).slice(3, -3),
    Buffer.from(bytes).toString("hex"),
  ];
  // Base64 of a text that has the secret at any place: the characters that depend on its neighbours are left out.
  const base64 = [0, 1, 2].flatMap((before) => {
    const text = Buffer.from([...new Uint8Array(before), ...bytes]).toString("base64");
    const whole = text.slice(before === 0 ? 0 : before + 1, Math.floor((before + bytes.length) / 3) * 4);
    return [whole, whole.replaceAll("+", "-").replaceAll("/", "_")];
  });
  return new Set([...plain, ...encoded, ...base64]);
}
