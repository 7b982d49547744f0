import assert from "node:assert/strict";
import { ConfigError } from "../../lib/base/mod.ts";
import { createClient, FluentClient, type FluentClientConfig } from "../../lib/fluent/mod.ts";
import { CONFIG, FakeFluent, json } from "./_fake_fluent.ts";

type Context = Parameters<typeof createClient>[0];

Deno.test("a context that is neither direct nor Versori's is refused, naming what was expected and the keys found", () => {
  const expected =
    "Cannot create a Fluent client: expected { config: { baseUrl, clientId, clientSecret, … }, logger? } " +
    "or the context of a Versori http task (with fetch), found ";
  const cases: [unknown, string][] = [
    [{ connection: {}, logger: console }, "an object with the keys connection, logger"],
    [{ fetch: "no function" }, "an object with the keys fetch"],
    [{}, "an object without keys"],
    [undefined, "undefined"],
    [null, "null"],
    ["https://a", "string"],
  ];
  for (const [context, found] of cases) {
    assert.throws(() => createClient(context as Context), (error) => {
      assert(error instanceof ConfigError);
      assert.equal(error.message, expected + found);
      return true;
    });
  }
});

Deno.test("a wrong configuration is refused by a message that names each field and none of the values", () => {
  const url =
    "config.baseUrl must be an http or https URL of a server, such as https://ACCOUNT.api.fluentretail.com";
  const cases: [Partial<FluentClientConfig> | Record<string, unknown>, string][] = [
    [{ baseUrl: undefined }, `${url}, found nothing`],
    [{ baseUrl: "acme.api.fluentretail.com" }, url],
    [{ baseUrl: "ftp://acme" }, url],
    [{ baseUrl: "https://user:canary@acme" }, url],
    [{ baseUrl: "https://acme?token=canary" }, url],
    [{ clientId: "" }, "config.clientId must be a non-empty text"],
    [{ clientSecret: undefined }, "config.clientSecret must be a non-empty text, found nothing"],
    [{ password: undefined }, "config.password must be given together with username, found nothing"],
    [{ username: undefined }, "config.username must be given together with password, found nothing"],
    [{ timeoutMs: 0 }, "config.timeoutMs must be at least 1 millisecond"],
    [{ timeoutMs: "5" }, "config.timeoutMs must be a whole number of milliseconds"],
    [{ retailerId: 0 }, "config.retailerId must be a positive whole number or a non-empty text, found 0"],
    [
      { retailerId: "" },
      "config.retailerId must be a positive whole number or a non-empty text, found an empty text",
    ],
    [
      { clientId: undefined, clientSecret: undefined },
      "config.clientId must be a non-empty text, found nothing; config.clientSecret must be a non-empty text, found nothing",
    ],
  ];
  for (const [change, message] of cases) {
    assert.throws(() => createClient({ config: { ...CONFIG, ...change } as FluentClientConfig }), (error) => {
      assert(error instanceof ConfigError);
      assert.equal(error.message, `Cannot create a Fluent client: ${message}`);
      assert(!JSON.stringify(error.details).includes("canary"));
      return true;
    });
  }
  assert.throws(() => createClient({ config: undefined } as unknown as Context), /config must be an object/);
});

Deno.test("the configuration alone makes the same client, and is checked the same", async () => {
  const fluent = new FakeFluent(() => json({ id: "1" }));
  await createClient(CONFIG, { fetch: fluent.fetch }).createJob({ name: "n" });
  assert.deepEqual(fluent.calls.map((call) => call.path), ["/oauth/token", "/api/v4.1/job"]);
  assert.throws(
    () => createClient({ ...CONFIG, clientSecret: undefined }),
    /^ConfigError: Cannot create a Fluent client: config\.clientSecret must be a non-empty text, found nothing$/,
  );
});

Deno.test("options out of bounds are refused by name", () => {
  for (const options of [{ attempts: 0 }, { attempts: 1.5 }, { timeoutMs: -1 }, { maxDelayMs: NaN }]) {
    const name = Object.keys(options)[0];
    assert.throws(
      () => createClient({ config: CONFIG }, options),
      new RegExp(`options\\.${name} must be a whole number`),
    );
  }
});

Deno.test("the retailer is the option's, else the configuration's, else the connection variable's", () => {
  const fetch = () => Promise.resolve(json({}));
  const of = (context: Context, retailerId?: number) => createClient(context, { retailerId }).getRetailerId();
  assert.equal(of({ config: CONFIG }), "1");
  assert.equal(of({ config: CONFIG }, 7), "7");
  assert.equal(of({ fetch, connectionVariables: { retailerId: "my-retailer" } }), "my-retailer");
  assert.equal(of({ fetch, connectionVariables: { retailerId: 3 } }, 7), "7");
  assert.equal(of({ fetch, connectionVariables: {} }), undefined);
  assert.throws(
    () => of({ fetch, connectionVariables: { retailerId: {} } }),
    /the connection variable retailerId/,
  );

  const client = createClient({ config: CONFIG });
  client.setRetailerId("9");
  assert.equal(client.getRetailerId(), "9");
  assert.throws(() => client.setRetailerId(-1), ConfigError);
  assert.throws(() => client.setRetailerId(undefined as unknown as number), ConfigError);
});

Deno.test("a client id with a dot and a base URL with slashes at its end are fine", async () => {
  const fluent = new FakeFluent(() => json({ id: "1" }));
  const client = fluent.client({ clientId: "acme.prod", baseUrl: "https://acme.api.fluentretail.com//" });
  assert(client instanceof FluentClient);
  await client.createJob({ name: "n" });
  assert.deepEqual(fluent.calls.map((call) => call.url), [
    "https://acme.api.fluentretail.com/oauth/token",
    "https://acme.api.fluentretail.com/api/v4.1/job",
  ]);
});

Deno.test("the client can be awaited, as the guide does", async () => {
  const client = await Promise.resolve(createClient({ config: CONFIG, logger: console }));
  assert(client instanceof FluentClient);
});
