import { Cron } from "croner";
import { ConfigError, ConnectorError } from "../base/mod.ts";
import { checkSettings, type Given, given, SETTING_NAMES, type Settings, shown } from "./settings.ts";

/** A stream of files with one mapping and one policy. */
export interface Feed {
  readonly name: string;
  readonly settings: Settings;
  /** The five-field cron expression, in UTC, it is looked at by; undefined: with the daily schedule. */
  readonly schedule: string | undefined;
}

/** The variable that names further feeds, and every variable there is. */
export const FEEDS = "feeds";
export const VARIABLE_NAMES: readonly string[] = [...SETTING_NAMES, FEEDS];

/** What belongs to the whole connector: an entry of `feeds` cannot set it. */
export const SHARED_SETTINGS: ReadonlySet<string> = new Set<keyof Settings>([
  "s3BucketName",
  "s3Region",
  "s3Endpoint",
  "feed",
  "discoverSeconds",
  "jobTtlSeconds",
  "ledgerRetentionDays",
  "alertWebhookUrl",
  "alertWebhookHosts",
]);

/** A feed's name is a segment of keys and part of URLs. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;

/**
 * Reads and checks the feeds. The variables describe the feed named by `feed`; each entry of `feeds` is another one,
 * which takes whatever it does not set from the variables. An entry with the name of the first feed changes that one.
 *
 * @param getVariable the activation's `getVariable`
 * @throws ConfigError naming what is missing or wrong
 */
export function readFeeds(getVariable: (name: string) => unknown): readonly [Feed, ...Feed[]] {
  const variables = given(SETTING_NAMES, getVariable);
  const entries = readEntries(getVariable(FEEDS));
  const main = checkSettings(variables, (name) => `variable '${name}'`).feed;
  const feeds: [Feed, ...Feed[]] = [toFeed(main, entries.get(main), variables)];
  for (const [name, entry] of entries) {
    if (name !== main) feeds.push(toFeed(name, entry, variables));
  }
  checkPrefixes(feeds);
  return feeds;
}

/**
 * The settings of one feed, by default of the one the variables describe.
 *
 * @throws ConfigError as {@link readFeeds} does; ConnectorError `feed-unknown` when there is no such feed
 */
export function readSettings(getVariable: (name: string) => unknown, feed?: string): Settings {
  const feeds = readFeeds(getVariable);
  return (feed === undefined ? feeds[0] : feedNamed(feeds, feed)).settings;
}

/** @throws ConnectorError `feed-unknown`, naming the feeds there are */
export function feedNamed(feeds: readonly Feed[], name: string): Feed {
  const found = feeds.find((feed) => feed.name === name);
  if (found) return found;
  const known = feeds.map((feed) => `'${feed.name}'`).join(", ");
  throw new ConnectorError(`There is no feed ${shown(name)}; expected one of ${known}`, {
    code: "feed-unknown",
    retry: "never",
  });
}

/** The feeds with the longest prefix a key lies below. */
export function nearest(key: string, feeds: readonly Feed[]): readonly Feed[] {
  const around = feeds.filter(({ settings }) => key.startsWith(settings.s3Prefix));
  const longest = Math.max(...around.map(({ settings }) => settings.s3Prefix.length));
  return around.filter(({ settings }) => settings.s3Prefix.length === longest);
}

function readEntries(value: unknown): ReadonlyMap<string, Given> {
  const entries = new Map<string, Given>();
  for (const [name, entry] of Object.entries(objectOf(value, "variable 'feeds'"))) {
    if (!NAME.test(name)) {
      throw wrong(`variable 'feeds': expected names of letters, digits, '-' and '_', found ${shown(name)}`);
    }
    entries.set(name, objectOf(entry, `variable 'feeds', feed '${name}'`));
  }
  return entries;
}

/** An object, also when the platform hands it over as text. */
function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (value === undefined || value === null || value === "") return {};
  let found = value;
  if (typeof value === "string") {
    try {
      found = JSON.parse(value);
    } catch {
      // Stays text, which is named below.
    }
  }
  if (typeof found === "object" && found !== null && !Array.isArray(found)) {
    return found as Record<string, unknown>;
  }
  throw wrong(`${what}: expected a JSON object, found ${shown(value)}`);
}

function toFeed(name: string, entry: Given = {}, variables: Given): Feed {
  const { schedule, ...values } = entry;
  const own = given(Object.keys(values), (key) => values[key]);
  for (const key of Object.keys(own)) {
    if (SHARED_SETTINGS.has(key)) {
      throw wrong(`variable 'feeds', feed '${name}': '${key}' is the same for all feeds`);
    }
    if (!VARIABLE_NAMES.includes(key) || key === FEEDS) {
      throw wrong(`variable 'feeds', feed '${name}': there is no setting '${key}'`);
    }
  }
  const settings = checkSettings(
    { ...variables, ...own, feed: name },
    (key) => Object.hasOwn(own, key) ? `variable 'feeds', feed '${name}', '${key}'` : `variable '${key}'`,
  );
  return { name, settings, schedule: readSchedule(name, schedule) };
}

function readSchedule(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  try {
    if (typeof value === "string") {
      new Cron(value, { mode: "5-part", timezone: "UTC", paused: true });
      return value;
    }
  } catch {
    // Named below.
  }
  throw wrong(
    `variable 'feeds', feed '${name}', 'schedule': expected a cron expression such as '*/15 * * * *', ` +
      `found ${shown(value)}`,
  );
}

const WRITTEN_PREFIXES = [
  "s3ArchivePrefix",
  "s3HeldPrefix",
  "s3ErrorPrefix",
  "s3ReportPrefix",
  "s3WorkPrefix",
] as const;

/** Files the connector writes must never be discovered as input, of whatever feed. */
function checkPrefixes(feeds: readonly Feed[]): void {
  for (const { name, settings } of feeds) {
    for (const key of WRITTEN_PREFIXES) {
      const own = settings[key];
      const inside = feeds.find((feed) => own === "" || own.startsWith(feed.settings.s3Prefix));
      if (!inside) continue;
      const where = feeds.length === 1 ? "" : ` of feed '${inside.name}'`;
      const whose = feeds.length === 1 ? "" : ` of feed '${name}'`;
      throw wrong(
        `variable '${key}'${whose}: expected a prefix outside 's3Prefix'${where} ` +
          `(${shown(inside.settings.s3Prefix)}), found ${shown(own)}`,
      );
    }
  }
}

function wrong(what: string): ConfigError {
  return new ConfigError(`Cannot read the configuration: ${what}`);
}
