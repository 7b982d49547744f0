import type { Settings } from "./ports.ts";

/**
 * Where a file lies that is made here: a payload, or what is to be sent again. Not where files arrive, or a trigger
 * could take it before all is said about it.
 *
 * @param id the same for everything that is to be the same file
 */
export function stagedKey(settings: Settings, id: string, name: string): string {
  return `${stagedPrefix(settings)}${id}/${name}`;
}

/** Where all files lie that are made here. */
export function stagedPrefix(settings: Pick<Settings, "s3WorkPrefix">): string {
  return `${settings.s3WorkPrefix}staged/`;
}
