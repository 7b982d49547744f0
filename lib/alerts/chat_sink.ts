import { ConfigError, ConnectorError, messageOf } from "../base/mod.ts";
import type { Alert } from "./alert.ts";
import type { AlertSink } from "./alerts.ts";

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** A chat's webhook answers at once; a trigger has 30 s for everything. Milliseconds. */
const TIMEOUT_MS = 5_000;
/** Slack's limit for the text of a message is 40,000 characters (its documentation of chat.postMessage). */
const MOST_TEXT = 3_000;

/**
 * Posts alerts to an incoming webhook, as Slack and what is compatible with it take them: `{ "text": … }`.
 *
 * The address holds a secret in its path, so that errors name its host only. Redirects are refused: they could lead
 * to a host that is not on the list.
 *
 * @param hosts the hosts the address may have
 */
export function chatSink(url: string, hosts: readonly string[], fetch: Fetch): AlertSink {
  return {
    name: "chat",
    async tell(alert) {
      const { host } = checkAddress(url, hosts);
      let response: Response;
      try {
        response = await fetch(url, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ text: textOf(alert) }),
          redirect: "error",
          signal: AbortSignal.timeout(TIMEOUT_MS),
        });
      } catch (error) {
        throw new ConnectorError(
          `Cannot post an alert to '${host}': ${messageOf(error).replaceAll(url, "the webhook")}`,
          { code: "alert-not-posted", retry: "later" },
        );
      }
      await response.body?.cancel();
      if (!response.ok) {
        throw new ConnectorError(
          `Cannot post an alert to '${host}': expected a 2xx answer, found ${response.status}`,
          { code: "alert-not-posted", retry: "later", details: { status: response.status } },
        );
      }
    },
  };
}

function checkAddress(url: string, hosts: readonly string[]): URL {
  const address = new URL(url);
  const listed = hosts.some((host) => host.trim().toLowerCase() === address.host);
  if (address.protocol === "https:" && listed && address.username === "") return address;
  throw new ConfigError(
    "Cannot post alerts: expected 'alertWebhookUrl' to be an https address on a host of 'alertWebhookHosts' " +
      `(${hosts.join(", ")}), found one on '${address.protocol}//${address.host}'`,
  );
}

/** Slack reads `&`, `<` and `>` as its own marks; they are escaped as its documentation asks. */
function textOf({ change, severity, title, message, facts }: Alert): string {
  const mark = change === "recovered"
    ? ":white_check_mark:"
    : severity === "low"
    ? ":warning:"
    : ":rotating_light:";
  const escaped = (text: string) =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  const job = facts["jobId"] === undefined ? "" : `\njob ${facts["jobId"]}`;
  return escaped(`${mark} ${title}\n${message}${job}`).slice(0, MOST_TEXT);
}
