/** @jsxImportSource hono/jsx */
import { document } from "./layout.tsx";

const TITLE: Readonly<Record<number, string>> = {
  400: "Not understood",
  403: "Not allowed",
  404: "Not found",
  405: "Not possible",
  409: "Not possible now",
  500: "Something went wrong",
  503: "Not possible right now",
};

/** Why there is nothing to see, and where to go on. */
export function errorPage(
  { now, explains, status, message }: { now: number; explains: boolean; status: number; message: string },
): string {
  const title = TITLE[status] ?? "Something went wrong";
  return document({
    title,
    now,
    explains,
    children: (
      <>
        <div class="head">
          <h1>{title}</h1>
        </div>
        <section class="card narrow">
          <p>{message}</p>
          <p>
            <a class="button" href="?">All jobs</a>
          </p>
        </section>
      </>
    ),
  });
}
