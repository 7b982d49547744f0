import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { readMappingFile, UniversalMapper } from "../lib/mapping/mod.ts";
import { spread } from "./_say.ts";

/** The package that does this job today; installed for the comparison only. */
const SDK = "@fluentcommerce/fc-connect-sdk@0.1.56";
/** `BENCH_ROWS` makes a quick try of it. */
const ROWS = Number(Deno.env.get("BENCH_ROWS") ?? 500_000);
const RUNS = 5;

/** The part of the SDK that is compared. */
interface Sdk {
  UniversalMapper: new (
    mapping: unknown,
    options?: { customResolvers?: Record<string, unknown> },
  ) => { map(record: unknown): Promise<{ success: boolean; data: Record<string, unknown> }> };
}

/** The mapping of the guide's UniversalMapper section, field by field. */
const GUIDE_FIELDS = {
  ref: { source: "sku", resolver: "custom.buildRef" },
  type: { value: "INVENTORY" },
  status: { source: "status", resolver: "sdk.uppercase" },
  productRef: { source: "sku", required: true },
  locationRef: { source: "warehouse_code", required: true },
  onHand: { source: "quantity", resolver: "sdk.parseInt" },
};
const buildRef = (_value: unknown, data: Record<string, unknown>) =>
  `${data["sku"]}-${data["warehouse_code"]}`;

/**
 * Mapping rows: the shipped mapping, and the guide's, compiled for the columns of a file, against the SDK's mapper on the
 * guide's example; the same 500,000 rows in one process, taking turns.
 */
export async function bench(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "bench-mapping-"));
  try {
    const sdk = await installSdk(folder);
    const shipped = await shippedRun();
    const guide = guideRun();
    const theirs = sdkRun(sdk);
    const against = { shipped: [] as number[], guide: [] as number[] };
    for (let i = 0; i <= RUNS; i++) {
      const ofShipped = await timed(shipped);
      const ofGuide = await timed(guide);
      const ofTheirs = await timed(theirs);
      // The first turn warms all of them up.
      if (i === 0) continue;
      against.shipped.push(ofTheirs / ofShipped);
      against.guide.push(ofTheirs / ofGuide);
      console.log(
        `mapping  ${ROWS} rows: shipped mapping ${ofShipped.toFixed(0)} ms, the guide's ${
          ofGuide.toFixed(0)
        } ms; SDK with the guide's ${ofTheirs.toFixed(0)} ms`,
      );
    }
    console.log(
      `mapping  shipped mapping (10 fields) against the SDK (6 fields), times as fast: ${
        spread(against.shipped)
      }`,
    );
    console.log(
      `mapping  the guide's mapping against the SDK with the same, times as fast: ${spread(against.guide)}\n`,
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function installSdk(folder: string): Promise<Sdk> {
  await writeFile(join(folder, "package.json"), '{"private":true}');
  try {
    await promisify(execFile)("npm", ["install", "--no-audit", "--no-fund", "--ignore-scripts", SDK], {
      cwd: folder,
    });
  } catch (error) {
    throw new Error(`This benchmark installs ${SDK} with npm, which failed: is the npm registry reached?`, {
      cause: error,
    });
  }
  return createRequire(join(folder, "package.json"))("@fluentcommerce/fc-connect-sdk") as Sdk;
}

/** Maps all rows; gives a figure that depends on each of them, so that no work can be left out. */
type Run = () => Promise<number> | number;

const sku = (i: number) => `SKU-${String(i).padStart(9, "0")}`;
const WANTED = ROWS / 1_000 * (999 * 1_000 / 2);

async function shippedRun(): Promise<Run> {
  const columns = ["sku", "location", "qty", "status", "condition", "expected_on", "note"];
  const rows = Array.from(
    { length: ROWS },
    (_, i) => [sku(i), `WAREHOUSE-${i % 7}`, String(i % 1_000), "ACTIVE", "NEW", "2026-01-15", `row ${i}`],
  );
  const mapper = new UniversalMapper(await readMappingFile("inventory"), { context: { retailerId: 1 } })
    .compileRow(columns);
  return () => {
    let sum = 0;
    for (const cells of rows) {
      const mapped = mapper.map(cells);
      if (mapped.ok) sum += mapped.entity["qty"] as number;
    }
    return sum;
  };
}

function guideRun(): Run {
  const rows = Array.from(
    { length: ROWS },
    (_, i) => [sku(i), `WAREHOUSE-${i % 7}`, String(i % 1_000), "active"],
  );
  const mapper = new UniversalMapper({ fields: GUIDE_FIELDS }, {
    customResolvers: { "custom.buildRef": buildRef },
  })
    .compileRow(["sku", "warehouse_code", "quantity", "status"]);
  return () => {
    let sum = 0;
    for (const cells of rows) {
      const mapped = mapper.map(cells);
      if (mapped.ok) sum += mapped.entity["onHand"] as number;
    }
    return sum;
  };
}

function sdkRun({ UniversalMapper: Theirs }: Sdk): Run {
  const records = Array.from({ length: ROWS }, (_, i) => ({
    sku: sku(i),
    warehouse_code: `WAREHOUSE-${i % 7}`,
    quantity: String(i % 1_000),
    status: "active",
  }));
  const mapper = new Theirs({ fields: GUIDE_FIELDS }, { customResolvers: { "custom.buildRef": buildRef } });
  return async () => {
    let sum = 0;
    for (const record of records) {
      const { success, data } = await mapper.map(record);
      if (success) sum += data["onHand"] as number;
    }
    return sum;
  };
}

async function timed(run: Run): Promise<number> {
  const startedAt = performance.now();
  const sum = await run();
  const ms = performance.now() - startedAt;
  if (sum !== WANTED) throw new Error(`Expected the quantities to add up to ${WANTED}, found ${sum}`);
  return ms;
}
