import { Refusal } from "./refusal.ts";

interface Bounds {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
}

const WHOLE = /^[+-]?\d+$/;
const NOT_WHOLE = new Refusal("not-a-whole-number", "a whole number");
const TOO_LARGE = new Refusal("number-too-large", "a whole number of at most 9007199254740991");
const NOT_DECIMAL = new Refusal("not-a-number", "a number");
const TOO_FINE = new Refusal("number-too-fine", "a number of at most 15 digits");

/** Whole numbers, exactly. */
export function wholeConverter(
  options: Bounds & { readonly thousands?: string | undefined },
): (value: unknown) => number | Refusal {
  const { thousands } = options;
  const pattern = thousands === undefined
    ? WHOLE
    : new RegExp(`^[+-]?(?:\\d+|\\d{1,3}(?:${escaped(thousands)}\\d{3})+)$`);
  const bounded = within(options);
  return (value) => {
    if (typeof value === "number") return Number.isSafeInteger(value) ? bounded(value) : NOT_WHOLE;
    if (typeof value !== "string") return NOT_WHOLE;
    const text = value.trim();
    if (!pattern.test(text)) return NOT_WHOLE;
    const number = Number(thousands === undefined ? text : text.replaceAll(thousands, ""));
    return Number.isSafeInteger(number) ? bounded(number) : TOO_LARGE;
  };
}

/** Decimal numbers that a double gives back digit by digit. */
export function decimalConverter(
  options: Bounds & { readonly thousands?: string | undefined; readonly decimal?: string | undefined },
): ((value: unknown) => number | Refusal) | string {
  const { thousands, decimal = "." } = options;
  if (thousands === decimal) return `expected thousands and decimal to differ, found '${decimal}' for both`;
  const whole = thousands === undefined ? "\\d+" : `(?:\\d+|\\d{1,3}(?:${escaped(thousands)}\\d{3})+)`;
  const pattern = new RegExp(`^[+-]?${whole}(?:${escaped(decimal)}\\d+)?$`);
  const bounded = within(options);
  return (value) => {
    if (typeof value === "number") return Number.isFinite(value) ? bounded(value) : NOT_DECIMAL;
    if (typeof value !== "string") return NOT_DECIMAL;
    const text = value.trim();
    if (!pattern.test(text)) return NOT_DECIMAL;
    const plain = (thousands === undefined ? text : text.replaceAll(thousands, "")).replace(decimal, ".");
    return isLossless(plain) ? bounded(Number(plain)) : TOO_FINE;
  };
}

/** Whether a double holds this decimal (an exponent allowed): 15 significant digits always fit (IEEE 754). */
export function isLossless(decimal: string): boolean {
  const [mantissa = ""] = decimal.toLowerCase().split("e");
  const digits = mantissa.replace(/[^\d.]/g, "");
  const significant = (digits.includes(".") ? digits.replace(/0+$/, "") : digits).replace(".", "").replace(
    /^0+/,
    "",
  );
  if (significant.length <= 15) return Number.isFinite(Number(decimal));
  return /^\d+$/.test(digits) && mantissa === decimal && Number.isSafeInteger(Number(decimal));
}

function within({ min, max }: Bounds): (number: number) => number | Refusal {
  const tooSmall = new Refusal("number-too-small", `at least ${min}`);
  const tooLarge = new Refusal("number-too-large", `at most ${max}`);
  return (number) => {
    if (min !== undefined && number < min) return tooSmall;
    if (max !== undefined && number > max) return tooLarge;
    // "-0" is 0: JSON knows no other.
    return number === 0 ? 0 : number;
  };
}

function escaped(separator: string): string {
  return separator.replace(/[.*+?^$|()[\]{}\\]/g, "\\$&");
}
