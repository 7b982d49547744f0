import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { json, run, withFolder } from "./_commands.ts";

Deno.test("jobs: list, show, rows, explain, replay and release, with the exit codes of the outcomes", async () => {
  await withFolder(async (folder) => {
    const state = ["--state", join(folder, "state")];
    const file = join(folder, "stock.csv");
    await writeFile(file, "sku,location,qty\n00123,L1,5\n00124,L1,N/A\n00123,L1,6\n");
    const held = json((await run(["ingest", file, "--json", ...state])).out);
    assert.equal(held.status, "held");
    const jobs = (...args: string[]) => run(["jobs", ...args, ...state]);

    const list = await jobs("list", "--status", "held", "--file", "stock.csv");
    assert.equal(list.code, 0, list.err);
    assert.match(list.out, new RegExp(`held .*stock\\.csv .*${held.jobId}`));
    const show = await jobs("show", held.jobId);
    assert.equal(show.code, 4);
    assert.match(show.out, /Next: .*rejected rows/);
    const rows = await jobs("rows", held.jobId, "--json");
    assert.equal(json(rows.out).rows[0].line, 3);

    const released = await jobs("release", held.jobId, "--reason", "checked");
    assert.equal(released.code, 3, released.err);
    assert.match(released.out, /completed_with_errors/);
    const explained = json((await jobs("explain", "--sku", "00123", "--location", "L1", "--json")).out);
    assert.equal(explained.figure.line, 4);
    assert.deepEqual(explained.appearances.map(({ outcome }: { outcome: string }) => outcome), [
      "confirmed",
      "superseded",
    ]);
    const replayed = await jobs("replay", held.jobId, "--json");
    assert.equal(replayed.code, 3, replayed.err);
    assert.equal(json(replayed.out).parent.jobId, held.jobId);
    assert.equal((await jobs("watch", held.jobId)).code, 3);

    const cancelled = await jobs("cancel", held.jobId);
    assert.equal(cancelled.code, 1);
    assert.match(cancelled.err, /it has ended as 'completed_with_errors'/);
    assert.equal((await jobs("show", "nobody")).code, 1);
    assert.equal((await jobs("show", "../x")).code, 2);
    assert.equal((await jobs("list", "--status", "great")).code, 2);
    assert.equal((await jobs("explain", "--sku", "x")).code, 2);
    const keyless = await run(["jobs", "list", "--url", "http://127.0.0.1:9"]);
    assert.equal(keyless.code, 2);
    assert.match(keyless.err, /INVENTORY_API_KEY/);
  });
});
