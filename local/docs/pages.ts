import { dependenciesPage } from "./dependencies.ts";
import { referencePage } from "./reference.ts";

/** Documents that are made as a whole: path below the project's folder, and what makes them from it. */
export const PAGES: Readonly<Record<string, (root: string) => Promise<string>>> = {
  "docs/dependencies.md": dependenciesPage,
  "docs/reference.md": referencePage,
};
