import type { Context, HttpContext } from "./_context.ts";
import { forbidInOutput } from "./_json.ts";
import type { GetOptions, KeyValue, KeyValueScope } from "./_key_value.ts";
import { storedScope } from "./_kv_scope.ts";
import type { Run } from "./_run.ts";
import { scopedKeyValue } from "./_scoped_key_value.ts";
import type { Services } from "./_services.ts";
import { asyncWorkflow, workflowClient } from "./_workflow_client.ts";

/** The context of one task. */
export function createContext(
  services: Services,
  run: Run,
  data: unknown,
): Context {
  const client = workflowClient(services, run);
  const whileRunning = <T>(action: () => T | Promise<T>): Promise<T> =>
    Promise.try(() => {
      run.signal.throwIfAborted();
      return action();
    });

  const credentials = services.connections.credentials(run.externalId);
  const activation = { ...run.activation };
  activation.setVariable = (name, value) => whileRunning(() => run.activation.setVariable(name, value));

  const context: Context = {
    data,
    log: run.log,
    executionId: run.executionId,
    startTime: run.startTime,
    activation,
    ...(run.claim ? { workflow: run.claim.message } : {}),
    openKv: (scope) => guardedKeyValue(openScope(services, run, scope), whileRunning),
    credentials: () => ({
      getRaw: (...args) => whileRunning(() => credentials.getRaw(...args)),
      getAccessToken: (...args) => whileRunning(() => credentials.getAccessToken(...args)),
      getOAuth1Metadata: (...args) => whileRunning(() => credentials.getOAuth1Metadata(...args)),
    }),
    createIssue: (issue, options) =>
      whileRunning(() => {
        const raised = services.issues.raise(issue, options);
        services.emit({
          type: "issueRaised",
          id: raised.id,
          title: raised.title,
          count: raised.count,
        });
        return raised;
      }),
    start: async (workflowId, options) =>
      asyncWorkflow(
        services,
        client,
        await client.startWorkflow(workflowId, options),
      ),
    workflowClient: () => client,
    request: () => run.request,
    destroy: (scope) =>
      whileRunning(() => {
        const stored = storedScope(scope, ownerOf(services, run));
        if (services.options.destroyRemoves === "store") {
          services.kv.removeStore(stored.store);
        } else services.kv.removeUnder(stored);
      }),
  };
  forbidInOutput(context);
  return context;
}

/** The context of a task that is bound to a connection. */
export function createHttpContext(
  services: Services,
  run: Run,
  data: unknown,
  system: string,
): HttpContext {
  const connection = services.connections.open(
    system,
    run.externalId,
    run.signal,
  );
  return Object.assign(createContext(services, run, data), {
    fetch: connection.fetch,
    baseUrl: Promise.resolve(connection.baseUrl),
    connectionVariables: connection.variables,
    nextPage: () =>
      Promise.reject(
        new Error(
          "nextPage() is not documented, so the local platform has none; loop in the task",
        ),
      ),
  });
}

function openScope(
  services: Services,
  run: Run,
  scope: KeyValueScope | undefined,
): KeyValue {
  const fallback = services.options.kvDefaultScope;
  if (scope === undefined && fallback === "refused") {
    throw new TypeError(
      "openKv() needs a scope (option kvDefaultScope is 'refused')",
    );
  }
  const stored = storedScope(
    scope ?? fallback as KeyValueScope,
    ownerOf(services, run),
  );
  return scopedKeyValue(services.kv, stored, services.options);
}

function guardedKeyValue(
  kv: KeyValue,
  whileRunning: <T>(action: () => Promise<T>) => Promise<T>,
): KeyValue {
  return {
    get: <T>(key: string | string[], options?: GetOptions<T>) => whileRunning(() => kv.get<T>(key, options)),
    set: (key, value) => whileRunning(() => kv.set(key, value)),
    delete: (key) => whileRunning(() => kv.delete(key)),
    list: (prefix, options) => whileRunning(() => kv.list(prefix, options)),
    count: (prefix) => whileRunning(() => kv.count(prefix)),
  };
}

function ownerOf(services: Services, run: Run) {
  const { organisationId, projectId, environment } = services.config;
  return {
    organisationId,
    projectId,
    environment,
    activationId: run.activation.id,
    externalUserId: run.externalId,
    executionId: run.executionId,
  };
}
