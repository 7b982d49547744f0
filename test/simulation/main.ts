/**
 * Runs simulated worlds: `deno task simulate --seed N` one of them, with everything that happened in it;
 * `--worlds N` many, from seed `--from` on, with `--first` only up to the first that breaks a promise.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { runSeed } from "./seeded_world.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string" },
    worlds: { type: "string" },
    from: { type: "string" },
    first: { type: "boolean" },
  },
});
if (values.seed !== undefined) {
  const { violations, errors, log, effects } = await runSeed(Number(values.seed));
  console.log(log.join("\n"));
  for (const error of errors) console.log(`error: ${error}`);
  console.log(`seed ${values.seed}: ${effects} effects, ${violations.length} violations`);
  for (const violation of violations) console.log(`VIOLATION ${violation}`);
  Deno.exit(violations.length > 0 ? 1 : 0);
}
const from = Number(values.from ?? 1);
const worlds = Number(values.worlds ?? 10_000);
const startedAt = performance.now();
let effects = 0;
let failed = 0;
for (let seed = from; seed < from + worlds; seed++) {
  const report = await runSeed(seed);
  effects += report.effects;
  if (report.violations.length === 0) continue;
  failed++;
  console.log(`deno task simulate --seed ${seed}`);
  for (const violation of report.violations.slice(0, 5)) console.log(`  ${violation}`);
  if (values.first) break;
}
const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
console.log(`${worlds} worlds, ${effects} effects, ${failed} with violations, ${seconds} s`);
Deno.exit(failed > 0 ? 1 : 0);
