/**
 * Reference sections of the documentation, written from the code they describe.
 *
 * A section stands between `<!-- generated: NAME -->` and `<!-- end of NAME -->` in a file of `docs/`; everything around it
 * is written by hand. `deno task docs` writes them, and the JSON Schemas for editors; a test fails when one is out of date.
 *
 * @module
 */
export { FILES, type GeneratedFile, type Section, SECTIONS } from "./sections.ts";
export { withSections } from "./with_sections.ts";
