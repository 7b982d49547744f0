/** One file the local platform starts with. */
export interface SampleFile {
  /** Its name below the input prefix. */
  readonly name: string;
  readonly text: string;
  /** What must be in Fluent once it is delivered: [location, sku, quantity], in file order. */
  readonly stock: readonly (readonly [location: string, sku: string, qty: number])[];
}

const HEADER = "sku,location,qty,status,condition,expected_on,note";
const LOCATIONS = ["LOC-BERLIN", "LOC-MÜNCHEN", "LOC-001", "LOC-KØBENHAVN", "LOC-東京"];
/** What is awkward in real files: commas, quotes, line breaks, other scripts, formula-like text. */
const NOTES = [
  "",
  "plain",
  '"shelf 3, row 7"',
  '"5"" pipe"',
  '"two\nlines"',
  '"windows\r\nline end"',
  "größer",
  "寿司 🍣",
  "=1+1",
  '" padded "',
];

/** A full snapshot of 50,000 positions: 10,000 SKUs with leading zeros in five locations. The same every time. */
export function fullSnapshot(rows = 50_000): SampleFile {
  const lines = [HEADER];
  const stock: [string, string, number][] = [];
  let seed = 20260102;
  const random = () => seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  for (let i = 0; i < rows; i++) {
    const sku = String(Math.floor(i / LOCATIONS.length)).padStart(8, "0");
    const location = LOCATIONS[i % LOCATIONS.length]!;
    const qty = (random() >>> 8) % 1000;
    const status = i % 4 === 0 ? "active" : "";
    const condition = i % 3 === 0 ? "NEW" : "";
    const expected = i % 10 === 0 ? `2026-0${1 + i % 9}-15` : "";
    lines.push(
      `${sku},${location},${qty},${status},${condition},${expected},${
        NOTES[(random() >>> 8) % NOTES.length]
      }`,
    );
    stock.push([location, sku, qty]);
  }
  return { name: "stock-full.csv", text: lines.join("\n") + "\n", stock };
}

/** 205 corrections, five of them bad in five ways, and one good row right after each. */
export function correctionsWithBadRows(): SampleFile {
  const lines = [HEADER];
  const stock: [string, string, number][] = [];
  const bad = [
    (sku: string) => `${sku},LOC-001,N/A,,,,no number`,
    (sku: string) => `${sku},LOC-001,"1,234",,,,thousands separator`,
    (sku: string) => `${sku},LOC-001,12.5,,,,not whole`,
    (sku: string) => `${sku},LOC-001`,
    (sku: string) => `${sku},LOC-001,7,,,,5" pipe`,
  ];
  for (let i = 0; i < 200; i++) {
    const sku = String(i).padStart(8, "0");
    if (i % 40 === 20) lines.push(bad[Math.floor(i / 40)]!(`9${sku.slice(1)}`));
    lines.push(`${sku},LOC-001,${5_000 + i},,,,`);
    stock.push(["LOC-001", sku, 5_000 + i]);
  }
  return { name: "stock-corrections.csv", text: lines.join("\r\n") + "\r\n", stock };
}

/** Nothing at all: must be held, never taken for "no stock left". */
export function emptyFile(): SampleFile {
  return { name: "stock-empty.csv", text: "", stock: [] };
}

/** Which samples hold changes only: the guard against shrunken snapshots must let them pass. */
export const SAMPLE_DELTAS = "*corrections*.csv";

/** All of them, in the order they arrive. */
export function sampleFiles(): SampleFile[] {
  return [fullSnapshot(), correctionsWithBadRows(), emptyFile()];
}
