/**
 * Why Fluent has the stock figure it has: every row of every known file about one position, and what became of it.
 *
 * @module
 */
export {
  type Appearance,
  appearanceSchema,
  explain,
  type ExplainPorts,
  type ExplainQuery,
  type Explanation,
  explanationSchema,
} from "./explain.ts";
