import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { SETTING_NAMES, SHARED_SETTINGS } from "../../lib/config/mod.ts";
import { isTerminal, JOB_STATUSES, type JobStatus } from "../../lib/jobs/mod.ts";
import { parseManifest } from "../setup/mod.ts";
import { EXIT } from "../cli/exit_codes.ts";
import { table } from "./table.ts";

/** What each state says to a person. */
const MEANING: Readonly<Record<JobStatus, string>> = {
  queued: "known, not begun",
  processing:
    "being inspected, delivered, confirmed or reported on; also while it waits for Fluent after a deadline",
  completed: "Fluent reported every batch COMPLETE and every row 200, and no row was rejected",
  completed_with_errors: "delivered, but rows were rejected or failed; the reports name them",
  failed:
    "stopped by a reason that is named; the next trigger that finds the file goes on, or replaying the job does",
  held: "stopped by a guard before anything was sent; a person looks, and may force it",
  cancelled: "ended on purpose without delivering, such as a dry run",
};

/** What each exit status says to a person or a script. */
const EXIT_MEANING: Readonly<Record<keyof typeof EXIT, string>> = {
  completed: "completed, or there was nothing to do",
  failed: "failed; the message says why",
  usage: "the command was typed wrongly; nothing was done",
  withErrors: "completed, with failed or rejected rows",
  held: "held: stopped by a guard before anything was sent",
  notFinished: "not finished; the same command goes on",
};

/** `docs/reference.md`: variables, webhooks, states, error codes and commands, as the code has them. */
export async function referencePage(root: string): Promise<string> {
  const manifest = parseManifest(await readFile(join(root, "versori.yaml"), "utf8"));
  const shown = (value: unknown) => value === undefined ? "required" : `\`${JSON.stringify(value)}\``;
  const variables = Object.entries(manifest.variables).map(([name, variable]) => [
    `\`${name}\``,
    variable.type,
    shown(variable.default),
    SETTING_NAMES.some((known) => known === name) && !SHARED_SETTINGS.has(name) ? "yes" : "no",
    variable.description,
  ]);
  const webhooks = Object.entries(manifest.webhooks).map(([id, { method, connection, description }]) => [
    `\`${id}\``,
    method === "all" ? "any" : method.toUpperCase(),
    connection ?? "none",
    description,
  ]);
  const schedules = Object.entries(manifest.schedules).map(([id, { cron, description }]) => [
    `\`${id}\``,
    `\`${cron}\``,
    description,
  ]);
  const systems = Object.entries(manifest.systems).map(([name, { auth, description }]) => [
    `\`${name}\``,
    auth.type,
    description,
  ]);
  const states = JOB_STATUSES.map((
    status,
  ) => [`\`${status}\``, isTerminal(status) ? "yes" : "no", MEANING[status]]);
  const codes = (await errorCodes(root)).map(({ code, files }) => [`\`${code}\``, files.join(", ")]);
  const exits = Object.entries(EXIT).map(([name, code]) => [
    String(code),
    EXIT_MEANING[name as keyof typeof EXIT],
  ]);
  return `# Reference

Made by \`deno task docs\` from the code and versori.yaml. Mapping files have
[a schema of their own](../mappings/mapping.schema.json).

## Activation variables

An entry of \`feeds\` may set those marked with yes for itself.

${table(["variable", "type", "default", "per feed", "what it is"], variables)}

## Systems

${table(["system", "signs in by", "what it is"], systems)}

## Schedules

${table(["schedule", "cron (UTC)", "what it does"], schedules)}

## Webhooks

${table(["webhook", "method", "caller checked by", "what it does"], webhooks)}

## Job states

${table(["state", "over", "what it says"], states)}

## Error codes

Errors and rejected rows carry one of these. Texts may change, codes do not.

${table(["code", "raised in"], codes)}

## Commands

${(await commands(root)).join("\n\n")}

## Exit codes

${table(["code", "what it says"], exits)}
`;
}

/** A code where it is written down: as a field, or as the first argument of a function that makes an error. */
const CODE =
  /\b(?:code: |code = |never\(\s*|later\(\s*|refuse\(\s*|reject\(\s*|refusal\(\s*)"([a-z0-9]+(?:-[a-z0-9]+)+)"/g;

async function errorCodes(root: string): Promise<{ code: string; files: string[] }[]> {
  const found = new Map<string, Set<string>>();
  for (const folder of ["lib", "workflows"]) {
    const names = (await readdir(join(root, folder), { recursive: true })).filter((name) =>
      name.endsWith(".ts")
    );
    for (const name of names.map((path) => path.replaceAll("\\", "/"))) {
      const source = await readFile(join(root, folder, name), "utf8");
      for (const [, code] of source.matchAll(CODE)) {
        const room = folder === "lib" ? `lib/${name.split("/")[0]}` : folder;
        found.set(code!, (found.get(code!) ?? new Set()).add(room));
      }
    }
  }
  return [...found].sort(([a], [b]) => a < b ? -1 : 1).map(([code, files]) => ({
    code,
    files: [...files].sort(),
  }));
}

/** Each command's own help. */
async function commands(root: string): Promise<string[]> {
  const help = async (...args: string[]): Promise<string> => {
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", "local/cli.ts", ...args, "--help"],
      cwd: root,
      env: { NO_COLOR: "1", COLUMNS: "100" },
    }).output();
    return new TextDecoder().decode(stdout).trim();
  };
  const namesIn = (text: string): string[] => {
    const at = text.indexOf("Commands:");
    const found = at < 0 ? [] : [...text.slice(at).matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name!);
    return found.filter((name) => name !== "help");
  };
  const all = await Promise.all(
    namesIn(await help()).map(async (name) => {
      const own = await help(name);
      return [own, ...await Promise.all(namesIn(own).map((part) => help(name, part)))];
    }),
  );
  return all.flat().map((text) => `\`\`\`text\n${text}\n\`\`\``);
}
