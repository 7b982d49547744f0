/** A process of the benchmark, and what it says. */
export interface Spawned {
  readonly pid: number;
  /** The first match in what the process says. */
  seen(pattern: RegExp): Promise<string>;
  kill(): Promise<void>;
}

/** Runs a script of this folder, and listens to one of its outputs. */
export function spawn(
  script: string,
  args: string[],
  env: Record<string, string>,
  listen: "stdout" | "stderr",
): Spawned {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", new URL(script, import.meta.url).pathname, ...args],
    env,
    stdin: "null",
    stdout: listen === "stdout" ? "piped" : "null",
    stderr: listen === "stderr" ? "piped" : "inherit",
  }).spawn();
  let said = "";
  const waiting: { pattern: RegExp; resolve: (text: string) => void }[] = [];
  const check = () => {
    for (const { pattern, resolve } of waiting) {
      const match = pattern.exec(said);
      if (match) resolve(match[0]);
    }
  };
  const reading = (async () => {
    for await (const text of child[listen].pipeThrough(new TextDecoderStream())) {
      said += text;
      check();
    }
  })();
  let ended = false;
  return {
    pid: child.pid,
    seen: (pattern) =>
      new Promise((resolve) => {
        waiting.push({ pattern, resolve });
        check();
      }),
    async kill() {
      if (ended) return;
      ended = true;
      child.kill("SIGKILL");
      await child.status;
      await reading;
    },
  };
}
