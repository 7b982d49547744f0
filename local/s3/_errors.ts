/** An error S3 clients know by its code. The field names are the ones fauxqs and Fastify look at. */
export class S3Failure extends Error {
  readonly code: string;
  readonly statusCode: number;

  constructor(code: string, message: string, statusCode: number) {
    super(message);
    this.name = "S3Failure";
    this.code = code;
    this.statusCode = statusCode;
  }
}

export function noSuchBucket(bucket: string): S3Failure {
  return new S3Failure("NoSuchBucket", `The specified bucket does not exist: ${bucket}`, 404);
}

/** The error document of the S3 API (Amazon S3 API Reference, REST Error Responses). */
export function errorXml(code: string, message: string, resource: string): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${escape(code)}</Code>` +
    `<Message>${escape(message)}</Message><Resource>${escape(resource)}</Resource></Error>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
