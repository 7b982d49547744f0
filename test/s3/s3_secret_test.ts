import assert from "node:assert/strict";
import { readS3Secret } from "../../lib/s3/mod.ts";

Deno.test("S3 keys come as a pair, whose secret may hold colons, or as JSON", () => {
  const keys = { accessKeyId: "AKIA", secretAccessKey: "a:b/+=" };
  assert.deepEqual(readS3Secret("AKIA:a:b/+=", "s3"), keys);
  assert.deepEqual(readS3Secret(JSON.stringify(keys), "s3"), keys);
  assert.deepEqual(readS3Secret(JSON.stringify({ ...keys, sessionToken: "t" }), "s3"), {
    ...keys,
    sessionToken: "t",
  });
});

for (
  const secret of [
    "",
    "sesame",
    ":sesame",
    "sesame:",
    "{sesame",
    `{"accessKeyId":"sesame"}`,
    `{"key":"sesame"}`,
  ]
) {
  Deno.test(`the secret ${secret.replace("sesame", "…") || "''"} is refused without being repeated`, () => {
    assert.throws(() => readS3Secret(secret, "s3"), (error: Error) => {
      assert.match(
        error.message,
        /^Cannot sign in to S3: expected the connection 's3' to hold an access key id/,
      );
      return !error.message.includes("sesame");
    });
  });
}
