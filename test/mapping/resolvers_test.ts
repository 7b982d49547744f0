import assert from "node:assert/strict";
import fc from "fast-check";
import { SDK_RESOLVERS, UniversalMapper } from "../../lib/mapping/mod.ts";

type Options = Record<string, string | number | boolean | string[]>;

const circle: Record<string, unknown> = {};
circle["circle"] = circle;

/** What a required field with this resolver makes of a value: the value, or the code of its error. */
async function resolve(resolver: string, value: unknown, options?: Options): Promise<unknown> {
  const field = { source: "cell", resolver, required: true, ...(options ? { options } : {}) };
  const { success, data, errors } = await new UniversalMapper({ fields: { out: field } }).map({
    cell: value,
  });
  assert.equal(success, errors.length === 0);
  return success ? data["out"] : { refused: errors[0]!.code };
}

function table(
  resolver: string,
  options: Options | undefined,
  cases: readonly (readonly [unknown, unknown])[],
): void {
  const shown = options ? ` with ${JSON.stringify(options)}` : "";
  Deno.test(`${resolver}${shown} converts without loss or refuses`, async () => {
    for (const [value, expected] of cases) {
      assert.deepEqual(await resolve(resolver, value, options), expected, `${typeof value} ${String(value)}`);
    }
  });
}

const no = (code: string) => ({ refused: code });
const notWhole = no("not-a-whole-number");
const missing = no("value-missing");

table("sdk.parseInt", undefined, [
  ["7", 7],
  ["0", 0],
  ["+7", 7],
  ["-5", -5],
  ["-0", 0],
  ["  42\t", 42],
  ["007", 7],
  [12, 12],
  ["9007199254740991", 9007199254740991],
  ["9007199254740992", no("number-too-large")],
  ["9007199254740993", no("number-too-large")],
  ["12345678901234567890123", no("number-too-large")],
  ...[
    "N/A",
    "1,234",
    "1.234,56",
    "12abc",
    "abc",
    "1e3",
    "0x10",
    "12.9",
    "12.0",
    "１２",
    "--1",
    "1 2",
    "∞",
    "Infinity",
  ]
    .map((text) => [text, notWhole] as const),
  ...[NaN, 12.5, 1e21, true, {}, [3, 4]].map((value) => [value, notWhole] as const),
  ...["", "   ", "\u00a0", null, undefined].map((value) => [value, missing] as const),
]);
table("sdk.parseInt", { thousands: ",", min: 0, max: 1_000_000 }, [
  ["1,234", 1234],
  ["1234", 1234],
  ["12,34", notWhole],
  [",123", notWhole],
  ["1,234,", notWhole],
  ["1.234", notWhole],
  ["-1", no("number-too-small")],
  ["1,000,001", no("number-too-large")],
]);
table("sdk.parseInt", { decimal: ",", thousands: "." }, [
  ["1.234,000", 1234],
  ["12,0", 12],
  ["12", 12],
  ["12,5", notWhole],
  ["12,", notWhole],
  ["12.0", notWhole],
  ["9007199254740993,00", no("number-too-large")],
]);
table("sdk.parseInt", { trailingMinus: true }, [
  ["5-", -5],
  ["-5", -5],
  ["5", 5],
  ["-5-", notWhole],
  ["5 -", notWhole],
  ["-", notWhole],
]);
table("sdk.number", { trailingMinus: true }, [["1.5-", -1.5], ["1.5-x", no("not-a-number")]]);
for (const resolver of ["sdk.parseFloat", "sdk.number"]) {
  table(resolver, undefined, [
    ["1.5", 1.5],
    [" -0.25 ", -0.25],
    ["10", 10],
    ["0.100", 0.1],
    [2.5, 2.5],
    ["123456789012345", 123456789012345],
    ["0.1234567890123456", no("number-too-fine")],
    ["12345678901234567890", no("number-too-fine")],
    [`0.${"0".repeat(400)}1`, no("number-too-fine")],
    ["0.000", 0],
    ...["N/A", "1,234", "1.234,56", "12abc", "1e3", "Infinity", "0x10", ".5", "5.", NaN, Infinity, true]
      .map((value) => [value, no("not-a-number")] as const),
    ["", missing],
  ]);
}
table("sdk.number", { decimal: ",", thousands: "." }, [
  ["1.234,56", 1234.56],
  ["1234,5", 1234.5],
  ["1,234.56", no("not-a-number")],
]);
table("sdk.trim", undefined, [["  a b ", "a b"], ["00123", "00123"], [5, no("not-text")], ["  ", missing]]);
table("sdk.uppercase", undefined, [["aé", "AÉ"], [" a ", " A "], [null, missing], [1, no("not-text")]]);
table("sdk.lowercase", { trim: true, oneOf: ["new", "used"] }, [
  [" NEW ", "new"],
  ["broken", no("not-allowed")],
]);
table("sdk.uppercase", { noneOf: ["DELTA"] }, [["delta", no("not-allowed")], ["last", "LAST"]]);
table("sdk.formatDate", undefined, [
  ["2026-01-25", "2026-01-25T00:00:00Z"],
  [" 2026-01-25 ", "2026-01-25T00:00:00Z"],
  ["2026-01-25T10:00:00Z", "2026-01-25T10:00:00Z"],
  ["2026-01-25T10:00+02:00", "2026-01-25T08:00:00Z"],
  ["2026-01-25 10:00:00.000-0130", "2026-01-25T11:30:00Z"],
  ["2026-01-25T10:00:00.5Z", no("not-a-date")],
  ["2024-02-29", "2024-02-29T00:00:00Z"],
  ["0099-01-01", "0099-01-01T00:00:00Z"],
  ...[
    "2026-02-29",
    "2026-13-45",
    "2026-01-25T24:00:00Z",
    "25/01/2026",
    "01/02/2026",
    "20260125",
    "soon",
    20260125,
  ]
    .map((value) => [value, no("not-a-date")] as const),
  ["2026-01-25T10:00:00", no("date-without-zone")],
  ["2026-01-25 10:00", no("date-without-zone")],
  ["2026-01-25T10:00:00+99:00", no("not-a-date")],
  ["9999-12-31T23:59:59-10:00", no("not-a-date")],
  ["0000-01-01T00:00:00+10:00", no("not-a-date")],
  ["9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"],
  [new Date(NaN), no("not-a-date")],
  ["", missing],
]);
table("sdk.formatDate", { format: "D.M.YYYY H:mm", zone: "UTC" }, [
  ["1.2.2026 9:05", "2026-02-01T09:05:00Z"],
  ["01.12.2026 09:05", "2026-12-01T09:05:00Z"],
  ["32.1.2026 9:05", no("not-a-date")],
  ["1.2.26 9:05", no("not-a-date")],
]);
table("sdk.formatDate", { format: "DD/MM/YYYY" }, [
  ["25/01/2026", "2026-01-25T00:00:00Z"],
  ["01/02/2026", "2026-02-01T00:00:00Z"],
  ["31/02/2026", no("not-a-date")],
  ["2026-01-25", no("not-a-date")],
]);
table("sdk.formatDate", { format: "YYYYMMDD HH:mm", zone: "Europe/Berlin" }, [
  ["20260125 10:00", "2026-01-25T09:00:00Z"],
  ["20260725 10:00", "2026-07-25T08:00:00Z"],
  ["20260329 02:30", no("not-a-date")],
  ["20261025 02:30", no("not-a-date")],
  ["20261025 03:00", "2026-10-25T02:00:00Z"],
]);
table("sdk.formatDate", { zone: "+05:30" }, [
  ["2026-01-25 10:00", "2026-01-25T04:30:00Z"],
  ["2026-01-25T10:00:00Z", "2026-01-25T10:00:00Z"],
  ["2026-01-25", "2026-01-25T00:00:00Z"],
]);
table("sdk.formatDateShort", undefined, [
  ["2026-01-25", "2026-01-25"],
  ["2026-01-25T10:00:00Z", no("not-a-date")],
]);
table("sdk.formatDateShort", { dropTime: true }, [["2026-01-25T23:00:00-02:00", "2026-01-26"]]);
table("sdk.parseDate", undefined, [
  ["2026-01-25T10:00:00.125Z", new Date(Date.UTC(2026, 0, 25, 10, 0, 0, 125))],
  [null, missing],
  [0, no("not-a-date")],
]);
table("sdk.boolean", undefined, [
  ...["true", "TRUE", " yes ", "Y", "1", 1, true].map((value) => [value, true] as const),
  ...["false", "No", "n", "0", 0, false].map((value) => [value, false] as const),
  ...["on", "t", "2", {}].map((value) => [value, no("not-a-boolean")] as const),
]);
table("sdk.boolean", { true: ["J"], false: ["N"] }, [["j", true], ["n", false], [
  "true",
  no("not-a-boolean"),
]]);
table("sdk.toString", undefined, [["x", "x"], [12, "12"], [false, "false"], [{}, no("not-text")], [
  NaN,
  no("not-text"),
]]);
table("sdk.parseJson", undefined, [
  ['{"a":[1,2.5]}', { a: [1, 2.5] }],
  ["{a}", no("not-json")],
  ...[
    "12345678901234567890",
    "1e400",
    "1e-400",
    '{"a":1,"a":2}',
    '[{"b":{"":1,"":1}}]',
    "[".repeat(5_000) + "]".repeat(5_000),
    "[".repeat(500_000) + "]".repeat(500_000),
  ].map((text) => [text, no("not-json")] as const),
  ['{"a":":","b":{"a":[{"a\\"":1}]}}', { a: ":", b: { a: [{ 'a"': 1 }] } }],
  ["0.0e5", 0],
  [5, no("not-json")],
]);
table("sdk.toJson", undefined, [
  [{ a: 1 }, '{"a":1}'],
  ["text", '"text"'],
  ...[() => 1, 10n, NaN, Infinity, [undefined], [NaN], new Map([[1, 2]]), circle, Symbol("s")]
    .map((value) => [value, no("not-json")] as const),
]);
for (const value of [10n, circle, Symbol("s"), () => 1, new Map()]) {
  Deno.test(`no resolver makes a value of what JSON cannot hold: ${Object.prototype.toString.call(value)}`, async () => {
    for (const resolver of SDK_RESOLVERS.keys()) {
      // The digits of a bigint are its value.
      if (typeof value === "bigint" && resolver === "sdk.toString") continue;
      assert.ok("refused" in Object(await resolve(resolver, value)), resolver);
    }
  });
}
for (const resolver of ["sdk.default", "sdk.identity", "sdk.coalesce"]) {
  table(resolver, undefined, [["00123", "00123"], [0, 0], [null, missing]]);
}

Deno.test("there are the sixteen resolvers users know", () => {
  assert.equal(SDK_RESOLVERS.size, 16);
});

Deno.test("no text becomes a number but the digits of that number", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.string({ unit: fc.constantFrom(..."0123456789+-.,eEx aNI\u0660\uff11") }),
      async (text) => {
        const value = await resolve("sdk.parseInt", text);
        if (typeof value === "number") {
          assert.equal(
            text.trim().replace(/^\+/, "").replace(/^(-?)0+(?=\d)/, "$1").replace(/^-0$/, "0"),
            String(value),
          );
        }
      },
    ),
    { numRuns: 500 },
  );
});
