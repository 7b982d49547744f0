/**
 * The connector's configuration: activation variables, read and checked in one place, and the feeds they describe.
 *
 * @module
 */
export {
  hasConditionalPut,
  type RejectLimit,
  SETTING_NAMES,
  type Settings,
  settingsSchema,
} from "./settings.ts";
export {
  type Feed,
  feedNamed,
  nearest,
  readFeeds,
  readSettings,
  SHARED_SETTINGS,
  VARIABLE_NAMES,
} from "./feeds.ts";
