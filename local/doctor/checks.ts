import { ConnectorError, messageOf } from "../../lib/base/mod.ts";
import { type Feed, readFeeds, type Settings } from "../../lib/config/mod.ts";
import { FluentApiError, type FluentClient } from "../../lib/fluent/mod.ts";
import type { MappingFile } from "../../lib/mapping/mod.ts";
import { type ObjectStore, S3Error } from "../../lib/s3/mod.ts";

/** What one look found. */
export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what went wrong and what to do. */
  readonly found: string;
}

/** Makes a check of a look that tells what it found, or throws. */
export async function check(
  name: string,
  look: () => Promise<string> | string,
  advice: (error: unknown) => string = () => "",
): Promise<Check> {
  try {
    return { name, ok: true, found: await look() };
  } catch (error) {
    const why = [messageOf(error), advice(error)].filter((part) => part !== "").join(". ");
    return { name, ok: false, found: why };
  }
}

/** The activation variables. */
export async function checkVariables(
  variables: Readonly<Record<string, unknown>>,
): Promise<{ check: Check; feeds: readonly Feed[] }> {
  let feeds: readonly Feed[] = [];
  const done = await check("variables", () => {
    feeds = readFeeds((name) => variables[name]);
    const names = feeds.map(({ name, schedule }) =>
      schedule === undefined ? name : `${name} (${schedule} UTC)`
    );
    return `all can be used; ${feeds.length === 1 ? "feed" : "feeds"} ${names.join(", ")}`;
  }, () => "This command takes variables from the JSON file that --variables names");
  return { check: done, feeds };
}

/** The bucket: every operation the connector uses, in the places where it uses them. */
export async function checkStore(store: ObjectStore, settings: Settings, unique: string): Promise<Check[]> {
  const key = `${settings.s3WorkPrefix}doctor-${unique}`;
  const copy = `${key}-copy`;
  const where = (prefix: string) => `s3://${store.bucket}/${prefix}`;
  const allow = (action: string) => (error: unknown) =>
    error instanceof ConnectorError && error.code === "s3-access-denied"
      ? `Allow ${action} on ${where("*")} for the access key of the connection s3`
      : "";
  const checks = [
    await check("S3 list", async () => {
      let files = 0;
      for await (const { key } of store.listObjects({ prefix: settings.s3Prefix })) {
        if (!key.endsWith("/")) files++;
      }
      return `${files} ${files === 1 ? "object" : "objects"} below ${where(settings.s3Prefix)}`;
    }, allow("s3:ListBucket")),
    await check("S3 put", async () => {
      await store.uploadFile(key, unique, { contentType: "text/plain" });
      return where(key);
    }, allow("s3:PutObject")),
  ];
  if (!checks[1]!.ok) return checks;
  if (store.capabilities.conditionalPut) {
    checks.push(
      await check("S3 conditional put", async () => {
        try {
          await store.uploadFile(key, unique, { contentType: "text/plain", ifNoneMatch: true });
        } catch (error) {
          if (error instanceof S3Error && error.code === "s3-target-exists") {
            return "an object is created only once";
          }
          throw error;
        }
        throw new Error("The store replaced an object it was asked to create only if there is none");
      }, () => "Set the variable s3ConditionalPut to no"),
    );
  }
  checks.push(
    await check("S3 get", async () => {
      const { body } = await store.openFile(key);
      let text = "";
      for await (const chunk of body) text += new TextDecoder().decode(chunk);
      if (text !== unique) {
        throw new Error(`Read ${text.length} characters back, and not those that were written`);
      }
      return "reads back what was written";
    }, allow("s3:GetObject")),
    await check("S3 copy", async () => {
      await store.copyFile(key, copy);
      if (!(await store.statFile(copy))) throw new Error("The copy is not there");
      return "the copy is there";
    }, allow("s3:GetObject and s3:PutObject")),
    await check("S3 delete", async () => {
      await store.deleteFile(copy);
      await store.deleteFile(key);
      if (await store.statFile(key)) throw new Error(`${where(key)} is still there`);
      return "nothing is left behind";
    }, allow("s3:DeleteObject")),
  );
  return checks;
}

const SIGN_IN =
  "Look at FLUENT_CLIENT_ID, FLUENT_CLIENT_SECRET and, for the password grant, FLUENT_USERNAME and " +
  "FLUENT_PASSWORD";

/** The account: a token, the right to read jobs, and the retailer. Nothing is created. */
export async function checkFluent(client: FluentClient, settings: Settings): Promise<Check[]> {
  const token = await check("Fluent token", async () => {
    await client.verifyAccess();
    return "signed in";
  }, (error) => error instanceof FluentApiError && error.status === 401 ? SIGN_IN : "");
  if (!token.ok) return [token];
  return [
    token,
    await check("Fluent permission", async () => {
      try {
        await client.getJob("0");
      } catch (error) {
        // That there is no such job is the answer of a server that lets this user read jobs.
        const letIn = error instanceof FluentApiError && (error.status === 404 || error.status === 400);
        if (!letIn) throw error;
      }
      return "jobs can be read";
    }, () => "Give the user the permission to create and view jobs"),
    await check(
      "Fluent retailer",
      () => askRetailer(client, settings.fluentRetailerId),
      () => "Set the variable fluentRetailerId to the number of a retailer of this account",
    ),
  ];
}

/** Asks for the retailer where the account answers queries; Fluent checks it again with the first job. */
async function askRetailer(client: FluentClient, id: string): Promise<string> {
  let answer: unknown;
  try {
    answer = await client.graphql({
      query: "query Retailer($id: ID!) { retailer(id: $id) { id } }",
      variables: { id },
    });
  } catch (error) {
    if (error instanceof FluentApiError) return `${id}; this account does not say whether there is one`;
    throw error;
  }
  const { data, errors } = answer as { data?: { retailer?: unknown } | null; errors?: unknown };
  if (errors !== undefined || !data) return `${id}; this account does not say whether there is one`;
  if (data.retailer === null) throw new Error(`There is no retailer ${id}`);
  return id;
}

/** The mapping of a feed, on a sample where there is one. */
export async function checkMapping(
  { name, settings }: Feed,
  load: (mapping: string) => Promise<MappingFile>,
  tryOut: (() => Promise<string>) | undefined,
): Promise<Check> {
  return await check(`mapping of feed ${name}`, async () => {
    const mapping = await load(settings.mapping);
    const loaded = `${mapping.name} ${mapping.version}`;
    return tryOut === undefined
      ? `${loaded}; --sample FILE tries it on a file`
      : `${loaded}: ${await tryOut()}`;
  });
}

/** The webhooks: each refuses a caller without a key and one with a wrong key before any code of ours runs. */
export async function checkWebhooks(
  url: string,
  webhooks: readonly { readonly id: string; readonly method: string }[],
  fetchLike: typeof fetch = fetch,
): Promise<Check[]> {
  const checks: Check[] = [];
  for (const { id, method } of webhooks) {
    checks.push(
      await check(`webhook ${id}`, async () => {
        const statuses: number[] = [];
        for (const headers of [{}, { "x-api-key": "wrong", authorization: "Basic d3Jvbmc6d3Jvbmc=" }]) {
          const answer = await fetchLike(new URL(id, url.endsWith("/") ? url : `${url}/`), {
            method: method === "all" ? "GET" : method.toUpperCase(),
            headers: headers as Record<string, string>,
          });
          await answer.body?.cancel();
          statuses.push(answer.status);
        }
        if (!statuses.every((status) => status === 401 || status === 403)) {
          throw new Error(
            `Answered ${statuses.join(" and ")} to callers without the right key; expected 401 or 403. ` +
              "Link its system to the project and give it a connection (deno task setup)",
          );
        }
        return "refuses callers without the right key";
      }),
    );
  }
  return checks;
}
