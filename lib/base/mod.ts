/**
 * What every part of the connector stands on: the clock, the log and the errors it is handed or throws.
 *
 * @module
 */
export { type Clock, systemClock } from "./clock.ts";
export { type LogFields, type Logger, silentLogger } from "./log.ts";
export { ConfigError, ConnectorError, type ConnectorErrorInit, messageOf, type Retry } from "./errors.ts";
export { backoffDelay, retry, type RetryOptions, type RetryPolicy } from "./retry.ts";
export { type HttpRefusal, refusalOf } from "./refusals.ts";
export { giveBack } from "./give_back.ts";
export { glob, isGlob } from "./glob.ts";
export { type NameTime, nameTime } from "./name_time.ts";
