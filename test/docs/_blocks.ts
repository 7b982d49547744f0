import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** A fenced block of a document. */
export interface Block {
  /** The document, below the project's folder. */
  readonly document: string;
  /** Line of its opening fence, 1-based. */
  readonly line: number;
  /** First word after the fence: `sh`, `ts`, `json` … */
  readonly language: string;
  /** What follows the language, such as `mapping=german`. */
  readonly name: string;
  readonly code: string;
  /** Why nothing runs it, from the comment `<!-- not run: … -->` before it. */
  readonly notRun: string | undefined;
}

/** Every document a reader is meant to read. */
export async function documents(): Promise<string[]> {
  const names = (await readdir(`${ROOT}docs`)).filter((name) => name.endsWith(".md")).sort();
  return [
    "README.md",
    "bench/README.md",
    "local/versori_run/README.md",
    ...names.map((name) => `docs/${name}`),
  ];
}

const BLOCK =
  /(?:^<!-- not run: (?<notRun>[^\n]*?) -->\n\n?)?^```(?<language>\w+) ?(?<name>[^\n]*)\n(?<code>.*?)^```$/gms;

/** The blocks of a document, in their order. */
export async function blocksOf(document: string): Promise<Block[]> {
  const text = await readFile(ROOT + document, "utf8");
  return [...text.matchAll(BLOCK)].map(({ index, groups, 0: whole }) => ({
    document,
    line: text.slice(0, index + whole.indexOf("```")).split("\n").length,
    language: groups!["language"]!,
    name: groups!["name"]!,
    code: groups!["code"]!,
    notRun: groups!["notRun"],
  }));
}
