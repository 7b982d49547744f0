import { ConnectorError, glob, messageOf } from "../base/mod.ts";
import { type Feed, feedNamed, nearest } from "../config/mod.ts";
import { discover, type Discovered, type DiscoverOptions } from "./discover.ts";
import type { Look } from "./discovery_request.ts";
import type { IngestPorts, IngestState, Settings } from "./ports.ts";
import type { IngestRequest } from "./request.ts";

/** What to look for in which feeds. */
export interface FeedsOptions extends Omit<DiscoverOptions, "owned" | "from"> {
  /** The feed, by name. Default: the one `key` or `prefix` lies in, or all of them. */
  readonly feed?: string | undefined;
  /** Which feeds when none is named, neither by name nor by place. Default: all. */
  readonly wanted?: ((feed: Feed) => boolean) | undefined;
  /** What an earlier look left: only these feeds, from there on. */
  readonly left?: readonly Look[] | undefined;
}

/** A feed that could not be looked at, and why. */
export interface FeedProblem {
  readonly feed: string;
  readonly error: unknown;
}

/** What was found in all feeds. */
export interface FeedsDiscovery {
  readonly files: readonly (Discovered & { readonly feed: string })[];
  /** False when time or `maxFiles` ran out in one of them, or one could not be looked at. */
  readonly complete: boolean;
  /** Where time ran out, and how far the look had come. */
  readonly left: readonly Look[];
  readonly problems: readonly FeedProblem[];
}

/** What {@link discoverFeeds} is handed. */
export interface FeedsPorts {
  readonly of: (feed: string) => { settings: Settings; ports: IngestPorts; state: IngestState };
  /** Starts a durable run. */
  readonly start: (request: IngestRequest) => Promise<void>;
}

/**
 * Looks for files in one feed after the other. The time for a trigger is shared: each feed gets an equal part of what
 * is left, so that a full one doesn't keep the others waiting. A feed that fails doesn't keep the others from being
 * looked at.
 *
 * @throws ConnectorError `feed-unknown` when the feed that is asked for doesn't exist
 */
export async function discoverFeeds(
  options: FeedsOptions,
  feeds: readonly [Feed, ...Feed[]],
  { of, start }: FeedsPorts,
): Promise<FeedsDiscovery> {
  const { feed: _feed, wanted: _wanted, left: before, ...common } = options;
  const chosen = chooseFeeds(options, feeds);
  const files: (Discovered & { feed: string })[] = [];
  const problems: FeedProblem[] = [];
  let complete = true;
  const left: Look[] = [];
  let leftMs = options.budgetMs ?? Infinity;
  for (const [index, { name }] of chosen.entries()) {
    const { settings, ports, state } = of(name);
    const startedAt = ports.clock.now();
    try {
      const owned = ownership(feeds, name, options.pattern);
      const budgetMs = leftMs / (chosen.length - index);
      const from = before?.find(({ feed }) => feed === name);
      const found = await discover({ ...common, from, owned, budgetMs }, settings, ports, state, start);
      if (found.next) left.push({ feed: name, ...found.next });
      files.push(...found.files.map((file) => ({ feed: name, ...file })));
      complete &&= found.complete;
    } catch (error) {
      ports.log.error("feed could not be looked at", { feed: name, error: messageOf(error) });
      problems.push({ feed: name, error });
      complete = false;
    }
    leftMs = Math.max(0, leftMs - (ports.clock.now() - startedAt));
  }
  return { files, complete, left, problems };
}

/** The error that stands for all of a discovery's problems; undefined when there is none. */
export function problemOfFeeds({ problems }: FeedsDiscovery): Error | undefined {
  const [first] = problems;
  if (!first) return undefined;
  if (problems.length === 1 && first.error instanceof Error) return first.error;
  const told = problems.map(({ feed, error }) => `feed '${feed}': ${messageOf(error)}`).join("; ");
  const passing = problems.some(({ error }) => error instanceof ConnectorError && error.retry === "later");
  return new ConnectorError(`Cannot look for files: ${told}`, {
    code: "feeds-failed",
    retry: passing ? "later" : "never",
    cause: first.error,
  });
}

/** The feeds a request is about. A file or folder outside all of them is taken as one of the first feed's. */
function chooseFeeds(options: FeedsOptions, feeds: readonly [Feed, ...Feed[]]): readonly Feed[] {
  const { left } = options;
  if (left) return feeds.filter(({ name }) => left.some(({ feed }) => feed === name));
  if (options.feed !== undefined) return [feedNamed(feeds, options.feed)];
  if (options.key !== undefined) return [feedOfKey(options.key, feeds)];
  if (options.prefix !== undefined) {
    const around = nearest(options.prefix, feeds);
    return around.length > 0 ? around : [feeds[0]];
  }
  return options.wanted ? feeds.filter(options.wanted) : feeds;
}

/** The feed an object belongs to when it is asked for by its key, whether or not its name matches a pattern. */
export function feedOfKey(key: string, feeds: readonly [Feed, ...Feed[]]): Feed {
  const around = nearest(key, feeds);
  return around.find(matchesPattern(key)) ?? around[0] ?? feeds[0];
}

/**
 * Whether a file is this feed's: of the feeds whose prefix it lies below, those with the longest prefix, and of these
 * the first one whose pattern matches. What lies below none may be taken by whoever looks there.
 */
function ownership(feeds: readonly Feed[], name: string, pattern: string | undefined) {
  return (key: string): boolean => {
    const around = nearest(key, feeds);
    const owner = around.find((feed) =>
      feed.name === name && pattern !== undefined || matchesPattern(key)(feed)
    );
    return around.length === 0 || owner?.name === name;
  };
}

function matchesPattern(key: string): (feed: Feed) => boolean {
  const name = key.slice(key.lastIndexOf("/") + 1);
  return ({ settings }) => glob(settings.filePattern)(name);
}
