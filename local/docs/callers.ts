import { readFileSync } from "node:fs";
import { WORKFLOWS } from "../../workflows/index.ts";
import { parseManifest } from "../setup/mod.ts";
import { definitionOf } from "../versori_run/_trigger.ts";
import { table } from "./table.ts";

const MANIFEST = new URL("../../versori.yaml", import.meta.url);

/** Everything that is registered, and who can call it: the webhook's own connection, not what is written of it. */
export function callers(): string {
  const { webhooks, schedules, workflows, systems } = parseManifest(readFileSync(MANIFEST, "utf8"));
  const rows = WORKFLOWS.map((registered) => {
    const { trigger } = definitionOf(registered);
    const id = `\`${trigger.id}\``;
    switch (trigger.kind) {
      case "webhook": {
        const { method = "all", connection } = trigger.options;
        const system = connection === undefined ? undefined : systems[connection];
        const who = connection === undefined || system === undefined
          ? "**anybody**"
          : `who has the ${
            system.auth.type === "api-key" ? "API key" : "user and password"
          } of \`${connection}\``;
        return [
          id,
          `webhook, ${method === "all" ? "any method" : method.toUpperCase()}`,
          who,
          webhooks[trigger.id]?.description ?? "",
        ];
      }
      case "schedule":
        return [id, "schedule", "the platform's scheduler", schedules[trigger.id]?.description ?? ""];
      case "workflow":
        return [
          id,
          "durable workflow",
          "the connector itself, through the platform's queue",
          workflows[trigger.id]?.description ?? "",
        ];
    }
  });
  return table(["what", "kind", "who can call it", "what it does"], rows);
}
