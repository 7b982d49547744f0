/** @jsxImportSource hono/jsx */
import type { Child } from "hono/jsx";
import { time } from "./format.ts";
import { LIVE_SCRIPT } from "./live_script.ts";
import { STYLE } from "./style.ts";

/** What every page has around its content. */
export interface LayoutProps {
  readonly title: string;
  readonly current?: "jobs" | "explain" | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly now: number;
  /** Whether figures can be explained here. */
  readonly explains: boolean;
  /** Milliseconds between two looks at what changes; absent: nothing does. */
  readonly every?: number | undefined;
  readonly children: Child;
}

/** The whole document as text. */
export function document(props: LayoutProps): string {
  return `<!doctype html>${Layout(props)}`;
}

function Layout({ title, current, now, explains, every, children }: LayoutProps) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>{`${title} · Inventory`}</title>
        <link rel="icon" href="data:," />
        <style dangerouslySetInnerHTML={{ __html: STYLE }} />
      </head>
      <body data-every={every === undefined ? undefined : String(every)}>
        <a class="skip" href="#content">Skip to content</a>
        <header class="top">
          <div>
            <a class="brand" href="?">
              <Mark />
              Inventory
            </a>
            <nav aria-label="Main">
              <a href="?" aria-current={current === "jobs" ? "page" : undefined}>Jobs</a>
              {explains
                ? (
                  <a href="?explain=1" aria-current={current === "explain" ? "page" : undefined}>
                    Explain a figure
                  </a>
                )
                : null}
            </nav>
            <span class="now">Times are UTC · read {time(new Date(now).toISOString())}</span>
          </div>
        </header>
        <main id="content">{children}</main>
        {every === undefined ? null : <script dangerouslySetInnerHTML={{ __html: LIVE_SCRIPT }} />}
      </body>
    </html>
  );
}

function Mark() {
  return (
    <svg viewBox="0 0 24 24" aria-hidden="true">
      <rect class="o-confirmed" x="2" y="13" width="5" height="9" rx="1.5" />
      <rect class="stage" x="9.5" y="8" width="5" height="14" rx="1.5" />
      <rect class="o-rejected" x="17" y="3" width="5" height="19" rx="1.5" />
    </svg>
  );
}
