import { isInbound, type Manifest, type System, variablesSchema } from "./manifest.ts";
import { prefixOf, secretsOf } from "./secrets.ts";

/** Base URL of a system nothing is sent to; the platform wants one all the same. */
const NOWHERE = "https://inbound.invalid";
/** Where an API key is sent; the connector's callers are told the same. */
const API_KEY_HEADER = "x-api-key";

/**
 * The script that makes everything a project needs on the platform before its first deployment: the Versori CLI's
 * commands in their order (versori-platform, section 3.5). What differs between users comes from the environment;
 * secrets are named, never given, so that none is an argument of any command.
 */
export function setupScript(manifest: Manifest): string {
  return [
    head(manifest),
    ...Object.entries(manifest.systems).map(([name, system]) => systemPart(manifest, name, system)),
    variablesPart(manifest),
    notificationsPart(manifest),
    staticUserPart(manifest),
  ].join("\n");
}

/** What has to be in the environment, and what it is. */
export function neededVariables(manifest: Manifest): readonly (readonly [name: string, what: string])[] {
  const urls = Object.keys(manifest.systems).filter((name) => !isInbound(manifest, name));
  const required = Object.entries(manifest.variables).filter(([, { required }]) => required);
  return [
    ["VERSORI_ENVIRONMENT", "the environment, such as production"],
    ...urls.map((name) =>
      [`${prefixOf(name)}_URL`, `scheme and host of ${name}: ${manifest.systems[name]!.description}`] as const
    ),
    ["ALERT_EMAIL", "who is told when something goes wrong"],
    ...required.map(([name, { description }]) => [shellName(name), description] as const),
  ];
}

function head(manifest: Manifest): string {
  const checks = neededVariables(manifest).map(([name, what]) => `: "\${${name}:?${quotable(what)}}"`);
  return `#!/usr/bin/env bash
# Sets a Versori project up for ${manifest.name}. Made by: deno task setup
# Needs the Versori CLI, signed in (versori context add), Node or Deno to read its JSON, and the secrets in .env.
set -euo pipefail

# From the environment; the message says what is missing.
${checks.join("\n")}

# One value out of the JSON on standard input; KEY=VALUE, given in WHERE, picks one object of a list.
json() {
  local code='
    import process from "node:process";
    let text = "";
    for await (const chunk of process.stdin) text += chunk;
    const read = JSON.parse(text);
    const [key, value] = (process.env.WHERE ?? "").split("=");
    const found = Array.isArray(read) ? read.find((item) => String(item[key]) === value) : read;
    if (found?.[process.env.GET] === undefined) process.exit(1);
    console.log(found[process.env.GET]);'
  if command -v node >/dev/null; then node --input-type=module -e "$code"; else deno eval "$code"; fi
}

# The id of a system's link to the project.
template_of() {
  versori projects systems list --project "$VERSORI_PROJECT" --environment "$VERSORI_ENVIRONMENT" -o json |
    WHERE=name=$1 GET=connectionTemplateId json
}

# The project, unless there is one.
if [ -z "\${VERSORI_PROJECT:-}" ]; then
  VERSORI_PROJECT=$(versori projects create --name ${word(manifest.name)} -o json | GET=id json)
  echo "Project $VERSORI_PROJECT"
fi
`;
}

function systemPart(manifest: Manifest, name: string, system: System): string {
  const inbound = isInbound(manifest, name);
  const url = inbound ? NOWHERE : `"$${prefixOf(name)}_URL"`;
  const scheme = authScheme(name, system, url);
  const secrets = secretsOf(name, system).map(({ option, variable }) => `${option} '$${variable}'`);
  const own = `${manifest.name}-${name}`;
  return `# ${name}: a system of the organisation, linked to the project under the name the code uses
system=$(versori systems list -o json | WHERE=name=${own} GET=id json ||
  versori systems create --name ${own} --domain ${url} --template-base-url ${url} -o json | GET=id json)
versori systems add-auth-scheme --system-id "$system" ${scheme}
template=$(template_of ${name}) || {
  versori projects systems add --project "$VERSORI_PROJECT" --system "$system" --name ${word(name)} \\
    --environment "$VERSORI_ENVIRONMENT"
  template=$(template_of ${name})
}
versori connections create --project "$VERSORI_PROJECT" --environment "$VERSORI_ENVIRONMENT" --name ${
    word(name)
  } \\
  --template-id "$template" --base-url ${url} ${secrets.join(" ")}
`;
}

function authScheme(name: string, { auth, description }: System, url: string): string {
  const common = `--type ${auth.type} --name ${word(name)} --description ${word(description)}`;
  switch (auth.type) {
    case "api-key":
      return `${common} --api-key.in header --api-key.name ${API_KEY_HEADER}`;
    case "basic-auth":
      return common;
    case "oauth2":
      return `${common} --oauth2.grant-type ${auth.grant} --oauth2.token-url ${url}${auth.tokenPath}`;
  }
}

function variablesPart(manifest: Manifest): string {
  return `# The variables that may be set, with their defaults
schema=$(mktemp)
trap 'rm -f "$schema"' EXIT
cat >"$schema" <<'SCHEMA'
${JSON.stringify(variablesSchema(manifest), null, 2)}
SCHEMA
versori projects variables set --project "$VERSORI_PROJECT" --file "$schema"
`;
}

function notificationsPart({ notifications: { channel } }: Manifest): string {
  return `# Who is told of issues
channel_id() { versori notifications channels list -o json | WHERE=name=${channel} GET=id json; }
channel=$(channel_id) || {
  versori notifications channels create --name ${word(channel)} --email "$ALERT_EMAIL"
  channel=$(channel_id)
}
versori notifications project link --project "$VERSORI_PROJECT" --environment "$VERSORI_ENVIRONMENT" \\
  --channel-id "$channel" --name ${word(channel)}
`;
}

function staticUserPart(manifest: Manifest): string {
  const required = Object.entries(manifest.variables).filter(([, { required }]) => required);
  const values = required.map(([name]) => `  ${name} = $${shellName(name)}`);
  return `# The static user's values: the Versori CLI has no command for them
cat <<VALUES

Now set these variables of the static user in the Versori app (the project's environment, Variables):
${values.join("\n")}
The others have defaults. Then:
  deno task package
  versori projects deploy --project $VERSORI_PROJECT --directory package-out --environment $VERSORI_ENVIRONMENT
VALUES
`;
}

/** `s3BucketName` → `S3_BUCKET_NAME`. */
function shellName(variable: string): string {
  return variable.replace(/(?<=[a-z0-9])(?=[A-Z])/g, "_").toUpperCase();
}

/** A literal word of the shell. */
function word(text: string): string {
  return /^[\w.-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** Text inside of `\${NAME:?…}` in double quotes. */
function quotable(text: string): string {
  return text.replace(/["'\\$\`}]/g, "");
}
