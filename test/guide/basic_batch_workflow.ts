/**
 * The guide, "Basic Batch Workflow". `changed:` says what differs and why; the reasons marked (API n) are those of Fluent's
 * own documentation.
 *
 * @module
 */
// changed: the import path.
import { createClient, CSVParserService, S3DataSource, UniversalMapper } from "../../lib/mod.ts";
import { console, process, setTimeout } from "./_stage.ts"; // the surroundings of the test

export async function batchInventorySync() {
  // Step 1: Create client
  const client = await createClient({
    baseUrl: process.env.FLUENT_BASE_URL,
    clientId: process.env.FLUENT_CLIENT_ID,
    clientSecret: process.env.FLUENT_CLIENT_SECRET,
    retailerId: process.env.FLUENT_RETAILER_ID,
  });

  // Step 2: Download CSV
  const s3 = new S3DataSource({
    type: "S3_CSV",
    connectionId: "my-s3",
    name: "My S3 Source",
    s3Config: {
      accessKeyId: process.env.AWS_ACCESS_KEY_ID,
      secretAccessKey: process.env.AWS_SECRET_ACCESS_KEY,
      region: process.env.AWS_REGION,
      bucket: process.env.AWS_BUCKET,
      endpoint: process.env.AWS_ENDPOINT!, // changed: the test's own store instead of Amazon's.
    },
  }, console);

  const csvContent = await s3.downloadFile("inventory/daily-update.csv");

  // Step 3: Parse CSV
  const parser = new CSVParserService({ headers: true });
  const records = await parser.parse(csvContent);

  console.log(`Parsed ${records.length} records`);

  // Step 4: Transform records
  const mapper = new UniversalMapper({
    // changed: the fields. Fluent takes skuRef, locationRef, a whole qty and retailerId in each entity; it knows none of
    // ref, productRef and onHand, and `type` is the quantity's type, not INVENTORY (API 8). So custom.buildRef has no use.
    fields: {
      retailerId: { value: "2" },
      skuRef: { source: "sku", required: true },
      locationRef: { source: "location", required: true },
      qty: { source: "qty", resolver: "sdk.parseInt", required: true },
    },
  });

  const mappedRecords = [];
  for (const record of records) {
    const result = await mapper.map(record);
    if (result.success) {
      mappedRecords.push(result.data);
    } else {
      console.error("Mapping error:", { errors: result.errors }); // changed: a logger's fields are an object.
    }
  }

  console.log(`Mapped ${mappedRecords.length} records`);

  // Step 5: Create Batch job
  const job = await client.createJob({
    name: `Inventory Sync ${new Date().toISOString()}`,
    retailerId: "2",
  });

  console.log(`Created job ${job.id}`);

  // Step 6: Send batches
  const BATCH_SIZE = 100;
  for (let i = 0; i < mappedRecords.length; i += BATCH_SIZE) {
    const chunk = mappedRecords.slice(i, i + BATCH_SIZE);

    const batch = await client.sendBatch(job.id, {
      action: "UPSERT", // changed: mandatory (API 7).
      entityType: "INVENTORY", // changed: mandatory (API 7).
      entities: chunk,
    });

    console.log(`Sent batch ${batch.id} (${chunk.length} records)`);
  }

  // Step 7: Poll status
  let status = await client.getJobStatus(job.id);
  while (status.status === "PENDING" || status.status === "PROCESSING") {
    console.log(
      `Job status: ${status.status} (${status.completedBatches}/${status.totalBatches} batches)`,
    );

    await new Promise((resolve) => setTimeout(resolve, 30000)); // Wait 30 seconds

    status = await client.getJobStatus(job.id);
  }

  // Step 8: Handle results
  if (status.status === "COMPLETED") {
    console.log("✓ Job completed successfully");
    console.log(`Total records: ${status.totalRecords}`);
    console.log(`Errors: ${status.errorSummary?.totalErrors || 0}`);

    // Archive file
    await s3.moveFile("inventory/daily-update.csv", "inventory/archive/daily-update.csv");
  } else {
    console.error(`✗ Job failed: ${status.status}`); // changed: a logger's fields are an object.

    // Move to error folder
    await s3.moveFile("inventory/daily-update.csv", "inventory/errors/daily-update.csv");
  }
  await s3.dispose(); // changed: closes its connections, so that the test leaves none open.
}
