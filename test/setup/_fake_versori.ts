/**
 * Stands in for the Versori CLI: keeps what it was told to make in a file, answers as the CLI does (`-o json` with the
 * field names of its source), and refuses what it would refuse.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";

/** Everything the fake was told to make. */
export interface Made {
  calls: string[][];
  projects: { id: string; name: string }[];
  systems: {
    id: string;
    name: string;
    domain: string;
    templateBaseUrl: string;
    scheme?: Record<string, string>;
  }[];
  links: { id: string; name: string; system: string; project: string; environment: string }[];
  connections: Record<string, string>[];
  schema?: unknown;
  channels: { id: string; name: string; email: string }[];
  bindings: Record<string, string>[];
  deployments: Record<string, string>[];
}

const NOTHING: Made = {
  calls: [],
  projects: [],
  systems: [],
  links: [],
  connections: [],
  channels: [],
  bindings: [],
  deployments: [],
};

if (import.meta.main) main(process.argv.slice(2));

function main(args: string[]): void {
  const file = process.env["FAKE_VERSORI_STATE"]!;
  const made: Made = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : NOTHING;
  made.calls.push(args);
  const words = args.slice(0, args.findIndex((arg) => arg.startsWith("-")) >>> 0).join(" ");
  const options = new Map<string, string>();
  for (let at = words.split(" ").length; at < args.length; at += 2) options.set(args[at]!, args[at + 1]!);
  const option = (name: string): string => {
    const value = options.get(name);
    if (!value) fail(`required flag "${name}" not set`);
    options.delete(name);
    return value;
  };
  const answer = (value: unknown) => {
    if (option("-o") !== "json") fail("the fake answers JSON only");
    console.log(JSON.stringify(value, null, 2));
  };
  const id = `01${String(made.calls.length).padStart(24, "0")}`;
  switch (words) {
    case "projects create": {
      const project = { id, name: option("--name") };
      made.projects.push(project);
      answer({ ...project, deployed: false, environments: ["production"] });
      break;
    }
    case "systems list":
      answer(made.systems);
      break;
    case "systems create": {
      const system = {
        name: option("--name"),
        id,
        domain: option("--domain"),
        templateBaseUrl: option("--template-base-url"),
      };
      made.systems.push(system);
      answer(system);
      break;
    }
    case "systems add-auth-scheme": {
      const wanted = option("--system-id");
      const system = made.systems.find((known) => known.id === wanted) ?? fail("no such system");
      system.scheme = Object.fromEntries(options);
      options.clear();
      break;
    }
    case "projects systems add":
      made.links.push({
        id,
        name: option("--name"),
        system: option("--system"),
        project: option("--project"),
        environment: option("--environment"),
      });
      break;
    case "projects systems list": {
      const [project, environment] = [option("--project"), option("--environment")];
      const links = made.links.filter((link) => link.project === project && link.environment === environment);
      answer(links.map((link) => ({ id: link.system, connectionTemplateId: link.id, name: link.name })));
      break;
    }
    case "connections create": {
      const template = option("--template-id");
      if (!made.links.some((link) => link.id === template)) {
        fail("connection template not found in environment");
      }
      made.connections.push({ template, ...Object.fromEntries(options) });
      options.clear();
      break;
    }
    case "projects variables set":
      option("--project");
      made.schema = JSON.parse(readFileSync(option("--file"), "utf8"));
      break;
    case "notifications channels create":
      made.channels.push({ id, name: option("--name"), email: option("--email") });
      break;
    case "notifications channels list":
      answer(made.channels);
      break;
    case "notifications project link":
      made.bindings.push(Object.fromEntries(options));
      options.clear();
      break;
    case "projects deploy":
      for (const file of ["src/index.ts", "package.json", ".gitignore"]) {
        if (!existsSync(`${options.get("--directory")}/${file}`)) fail(`no ${file}`);
      }
      made.deployments.push({
        project: option("--project"),
        environment: option("--environment"),
        directory: option("--directory"),
      });
      break;
    default:
      fail(`unknown command "${words}"`);
  }
  if (options.size > 0) fail(`unknown flag: ${[...options.keys()].join(" ")}`);
  writeFileSync(file, JSON.stringify(made));
}

function fail(message: string): never {
  console.error(`Error: ${message}`);
  process.exit(1);
}
