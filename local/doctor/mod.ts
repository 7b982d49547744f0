/**
 * Looks at a configuration from end to end, and says what to do about what is not right.
 *
 * @module
 */
export {
  type Check,
  check,
  checkFluent,
  checkMapping,
  checkStore,
  checkVariables,
  checkWebhooks,
} from "./checks.ts";
