import { Refusal } from "./refusal.ts";

interface NumberOptions {
  readonly min?: number | undefined;
  readonly max?: number | undefined;
  readonly thousands?: string | undefined;
  readonly decimal?: string | undefined;
  readonly trailingMinus?: boolean | undefined;
}

const NOT_WHOLE = new Refusal("not-a-whole-number", "a whole number");
const TOO_LARGE = new Refusal("number-too-large", "a whole number of at most 9007199254740991");
const NOT_DECIMAL = new Refusal("not-a-number", "a number");
const TOO_FINE = new Refusal("number-too-fine", "a number of at most 15 digits");

type ToNumber = (value: unknown) => number | Refusal;

/** Whole numbers, exactly. With a decimal separator, also those written with zeros behind it. */
export function wholeConverter(options: NumberOptions): ToNumber | string {
  const { thousands, decimal } = options;
  if (decimal !== undefined && thousands === decimal) return same(decimal);
  const zeros = decimal === undefined ? "" : `(?:${escaped(decimal)}0+)?`;
  const pattern = new RegExp(`^[+-]?${digits(thousands)}${zeros}$`);
  const bounded = within(options);
  return (value) => {
    if (typeof value === "number") return Number.isSafeInteger(value) ? bounded(value) : NOT_WHOLE;
    if (typeof value !== "string") return NOT_WHOLE;
    const text = leadingSign(value.trim(), options);
    if (!pattern.test(text)) return NOT_WHOLE;
    const number = Number(plain(text, options));
    return Number.isSafeInteger(number) ? bounded(number) : TOO_LARGE;
  };
}

/** Decimal numbers that a double gives back digit by digit. */
export function decimalConverter(options: NumberOptions): ToNumber | string {
  const { thousands, decimal = "." } = options;
  if (thousands === decimal) return same(decimal);
  const pattern = new RegExp(`^[+-]?${digits(thousands)}(?:${escaped(decimal)}\\d+)?$`);
  const bounded = within(options);
  return (value) => {
    if (typeof value === "number") return Number.isFinite(value) ? bounded(value) : NOT_DECIMAL;
    if (typeof value !== "string") return NOT_DECIMAL;
    const text = leadingSign(value.trim(), options);
    if (!pattern.test(text)) return NOT_DECIMAL;
    const number = plain(text, { thousands, decimal });
    return isLossless(number) ? bounded(Number(number)) : TOO_FINE;
  };
}

function same(separator: string): string {
  return `expected thousands and decimal to differ, found '${separator}' for both`;
}

/** The pattern of digits, alone or in groups of three. */
function digits(thousands: string | undefined): string {
  return thousands === undefined ? "\\d+" : `(?:\\d+|\\d{1,3}(?:${escaped(thousands)}\\d{3})+)`;
}

/** Puts a minus behind the digits before them, where that is how the file writes it. */
function leadingSign(text: string, { trailingMinus = false }: NumberOptions): string {
  return trailingMinus && /^\d.*-$/.test(text) ? `-${text.slice(0, -1)}` : text;
}

/** As JavaScript writes numbers. */
function plain(text: string, { thousands, decimal }: NumberOptions): string {
  const ungrouped = thousands === undefined ? text : text.replaceAll(thousands, "");
  return decimal === undefined || decimal === "." ? ungrouped : ungrouped.replace(decimal, ".");
}

/** Below it, doubles have fewer digits. Source: IEEE 754, the smallest normal double. */
const SMALLEST = 2.2250738585072014e-308;

/** Whether a double holds this decimal (an exponent allowed): 15 significant digits always fit (IEEE 754). */
export function isLossless(decimal: string): boolean {
  const [mantissa = ""] = decimal.toLowerCase().split("e");
  const digits = mantissa.replace(/[^\d.]/g, "");
  const significant = (digits.includes(".") ? digits.replace(/0+$/, "") : digits).replace(".", "").replace(
    /^0+/,
    "",
  );
  if (significant === "") return true;
  const number = Number(decimal);
  if (significant.length <= 15) return Number.isFinite(number) && Math.abs(number) >= SMALLEST;
  return /^\d+$/.test(digits) && mantissa === decimal && Number.isSafeInteger(number);
}

function within({ min, max }: NumberOptions): (number: number) => number | Refusal {
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
