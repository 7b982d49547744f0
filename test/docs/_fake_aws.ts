/** Stands in for the AWS CLI: `aws s3 cp FILE s3://BUCKET/KEY --endpoint-url URL`, with the keys of the environment. */
import { readFile } from "node:fs/promises";
import process from "node:process";
import { S3DataSource } from "../../lib/s3/mod.ts";

const [service, verb, file, target, option, endpoint] = process.argv.slice(2);
const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(target ?? "") ?? [];
if (
  service !== "s3" || verb !== "cp" || option !== "--endpoint-url" || !file || !bucket || !key || !endpoint
) {
  throw new Error(`aws: unknown command '${process.argv.slice(2).join(" ")}'`);
}
const store = new S3DataSource({
  type: "S3_CSV",
  s3Config: {
    accessKeyId: process.env["AWS_ACCESS_KEY_ID"]!,
    secretAccessKey: process.env["AWS_SECRET_ACCESS_KEY"]!,
    region: process.env["AWS_REGION"]!,
    bucket,
    endpoint,
  },
});
await store.uploadFile(key, await readFile(file));
await store.dispose();
