import type { Section } from "./sections.ts";

/**
 * A document with its sections as they ought to be.
 *
 * @throws Error when a section has no place in it
 */
export function withSections(text: string, sections: readonly Section[]): string {
  for (const { file, name, render } of sections) {
    const begin = `<!-- generated: ${name} -->\n`;
    const end = `\n<!-- end of ${name} -->`;
    const from = text.indexOf(begin);
    const to = text.indexOf(end, from);
    if (from < 0 || to < 0) throw new Error(`${file} has no place for '${name}': expected ${begin}and${end}`);
    text = `${text.slice(0, from + begin.length)}\n${render().trim()}\n${text.slice(to)}`;
  }
  return text;
}
