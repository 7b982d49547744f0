/**
 * The local side of the stand-in: configuring the platform before an interpreter is created, and looking into it while it
 * runs. Workflows never import this.
 *
 * A process started as `deno run -A workflows/index.ts` reads the same configuration as JSON from the file named by the
 * environment variable `VERSORI_LOCAL_CONFIG`.
 *
 * ```ts ignore
 * configurePlatform({ stateDir: ".local", port: 0, variables: { bucket: "inventory" } });
 * const interpreter = await durable.DurableInterpreter.newInstance();
 * interpreter.register(dailyInventory);
 * await interpreter.start();
 * const platform = localPlatform(interpreter);
 * await platform.fireSchedule("daily-inventory");
 * await platform.waitForIdle();
 * await platform.stop();
 * ```
 *
 * @module
 */
export {
  CONFIG_FILE_VARIABLE,
  configurePlatform,
  type ConnectionConfigInput,
  type PlatformConfig,
} from "./_config.ts";
export { optionsSchema, type PlatformOptions, type PlatformOptionsInput } from "./_options.ts";
export { type LocalPlatform, localPlatform } from "./_handle.ts";
export type { Clock } from "./_clock.ts";
export type { PlatformEvent } from "./_events.ts";
export type { QueuedMessage } from "./_queue.ts";
export type { ScheduleResponse } from "./_scheduler.ts";
export { DATABASE_FILE } from "./_database.ts";
