import { z } from "zod";
import { ConnectorError } from "../base/mod.ts";

const count = z.number().int().nonnegative();

/** What became of the rows of one file. Every row is in exactly one place. */
export const rowsSchema = z.object({
  read: count,
  sendable: count,
  rejected: count,
  superseded: count,
  unchanged: count,
  confirmed: count,
  failed: count,
  unconfirmed: count,
});
export type Rows = z.output<typeof rowsSchema>;

/** The books of a file nothing is known of yet. */
export const NO_ROWS: Rows = {
  read: 0,
  sendable: 0,
  rejected: 0,
  superseded: 0,
  unchanged: 0,
  confirmed: 0,
  failed: 0,
  unconfirmed: 0,
};

/**
 * Enforces conservation: read = sendable + rejected + superseded + unchanged, and
 * sendable = confirmed + failed + unconfirmed.
 *
 * @throws ConnectorError `books-unbalanced`
 */
export function checkBooks(rows: Rows): void {
  const read = rows.sendable + rows.rejected + rows.superseded + rows.unchanged;
  const sendable = rows.confirmed + rows.failed + rows.unconfirmed;
  if (rows.read === read && rows.sendable === sendable) return;
  throw new ConnectorError(
    `The books don't balance: read ${rows.read} against sendable ${rows.sendable} + rejected ${rows.rejected} + ` +
      `superseded ${rows.superseded} + unchanged ${rows.unchanged}; sendable ${rows.sendable} against confirmed ` +
      `${rows.confirmed} + failed ${rows.failed} + unconfirmed ${rows.unconfirmed}`,
    { code: "books-unbalanced", retry: "never", details: { rows } },
  );
}
