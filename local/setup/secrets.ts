import type { Manifest, System } from "./manifest.ts";

/** A secret a connection needs: the option of `versori connections create` that takes it, and what it is. */
export interface Secret {
  readonly option: string;
  /** Name in `.env`. */
  readonly variable: string;
  readonly what: string;
}

/** Prefix of a system's variables: its name in capitals. */
export function prefixOf(system: string): string {
  return system.toUpperCase().replaceAll("-", "_");
}

/** The secrets of one system's connection, named as the Versori CLI's own documents name them. */
export function secretsOf(name: string, { auth }: System): readonly Secret[] {
  const secret = (option: string, what: string): Secret => ({
    option: `--${option}`,
    variable: `${prefixOf(name)}_${option.toUpperCase().replaceAll("-", "_")}`,
    what,
  });
  switch (auth.type) {
    case "api-key":
      return [secret("api-key", "the key callers send; make one with: openssl rand -hex 32")];
    case "basic-auth":
      return [secret("username", "the user"), secret("password", "the password")];
    case "oauth2":
      return auth.grant === "password"
        ? [secret("username", "the user"), secret("password", "the user's password")]
        : [secret("client-id", "the client's id"), secret("client-secret", "the client's secret")];
  }
}

/** `.env.example`: every secret that setting up needs, empty. Only the Versori CLI reads `.env`. */
export function envExample(manifest: Manifest): string {
  const lines = [
    "# Secrets for `versori connections create`, which reads this file as .env. Nothing of it is deployed.",
    "# Fill in, save as .env, and never commit it.",
  ];
  for (const [name, system] of Object.entries(manifest.systems)) {
    lines.push("", `# ${name}: ${system.description}`);
    for (const { variable, what } of secretsOf(name, system)) lines.push(`# ${what}`, `${variable}=`);
  }
  return lines.join("\n") + "\n";
}
