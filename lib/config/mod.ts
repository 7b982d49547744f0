/**
 * The connector's configuration: activation variables, read and checked in one place.
 *
 * @module
 */
export { readSettings, type RejectLimit, SETTING_NAMES, type Settings, settingsSchema } from "./settings.ts";
