import { type FluentServer, startFluentServer } from "./fluent_server.ts";
import type { CloneableFluentServerOptions } from "./options.ts";
import type { FluentCommand } from "./worker.ts";
import { serveInWorker } from "../worker_host.ts";

serveInWorker<CloneableFluentServerOptions, FluentServer, FluentCommand>(
  startFluentServer,
  (server, command) => {
    switch (command.kind) {
      case "set-faults":
        return server.setFaults(command.faults);
      case "close-job":
        return server.closeJob(command.jobId);
      case "revoke-tokens":
        return server.revokeTokens();
      case "complete-batches":
        return server.completeBatches();
    }
  },
);
