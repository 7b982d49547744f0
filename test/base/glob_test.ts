import assert from "node:assert/strict";
import { glob } from "../../lib/base/mod.ts";

for (
  const [pattern, name, expected] of [
    ["*.csv", "stock.csv", true],
    ["*.csv", ".csv", true],
    ["*.csv", "stock.CSV", false],
    ["*.csv", "stock.csv.gz", false],
    ["stock_*_full.csv", "stock_2026_full.csv", true],
    ["stock_*_full.csv", "stock_full.csv", false],
    ["a*b*c", "aXbXbXc", true],
    ["a*b*c", "aXcXb", false],
    ["?.csv", "a.csv", true],
    ["?.csv", "ab.csv", false],
    ["?", "😀", true],
    ["[a-c]*.csv", "b1.csv", true],
    ["[a-c]*.csv", "d1.csv", false],
    ["[!a-c]*", "d", true],
    ["[!a-c]*", "a", false],
    ["[]x]", "]", true],
    ["*.{csv,txt}", "a.txt", true],
    ["*.{csv,txt}", "a.xml", false],
    ["{a,b{1,2}}.csv", "b2.csv", true],
    ["{a}", "{a}", true],
    ["\\*.csv", "*.csv", true],
    ["\\*.csv", "a.csv", false],
    ["[abc", "[abc", true],
    ["*", "", true],
    ["", "a", false],
    ["a.b", "axb", false],
    ["+(a)", "+(a)", true],
  ] as const
) {
  Deno.test(`'${pattern}' ${expected ? "matches" : "does not match"} '${name}'`, () => {
    assert.equal(glob(pattern)(name), expected);
  });
}

Deno.test("a pattern made to be slow is not", () => {
  assert.equal(glob("*a".repeat(100) + "b")("a".repeat(1_000)), false);
  assert.equal(glob("{a,b}{a,b}{a,b}{a,b}{a,b}{a,b}*")("bbbbbbb"), true);
  assert.throws(() => glob("{a,b}".repeat(7)), {
    name: "RangeError",
    message: /^A pattern may stand for at most 64 spellings/,
  });
});
