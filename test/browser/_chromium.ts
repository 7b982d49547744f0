import axe from "axe-core";
import { existsSync } from "node:fs";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import assert from "node:assert/strict";

/** Where Debian and its kin put it; `CHROMIUM` names another place. */
const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

function place(): string | undefined {
  const named = Deno.env.get("CHROMIUM");
  return [...(named ? [named] : []), ...PLACES].find((path) => existsSync(path));
}

/**
 * A test in headless Chromium. Without one the test is ignored, its reason in its name; where `CI=true` it fails, so
 * that no green run leaves it out.
 */
export function browserTest(name: string, test: (browser: Browser) => Promise<void>): void {
  const executablePath = place();
  if (executablePath === undefined && Deno.env.get("CI") !== "true") {
    Deno.test({ name: `${name} (ignored: no Chromium; apt-get install chromium)`, ignore: true, fn() {} });
    return;
  }
  // Chromium's pipes outlive a test by a moment; that nothing is left running is seen by `browser.close()`.
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false }, async () => {
    assert.ok(
      executablePath,
      "This test needs Chromium: install it with `apt-get update && apt-get install -y chromium`, or name one by CHROMIUM",
    );
    const browser = await chromium.launch({
      executablePath,
      args: ["--no-sandbox", "--disable-dev-shm-usage"],
    });
    try {
      await test(browser);
    } finally {
      await browser.close();
    }
  });
}

/** A page that counts what it should not do: errors in its console, and calls of other hosts. */
export async function watchedPage(
  context: BrowserContext,
  origin: string,
): Promise<{ page: Page; complaints: string[] }> {
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== origin) complaints.push(`called ${url.href}`);
  });
  return { page, complaints };
}

/** What axe-core finds wrong, as one line each. The page's policy keeps injected scripts out, so it runs beside it. */
export async function violations(page: Page): Promise<string[]> {
  const found = await page.evaluate(`(async () => {
    ${axe.source}
    const { violations } = await axe.run(document, { resultTypes: ["violations"] });
    return violations.flatMap(({ id, impact, nodes }) =>
      nodes.map((node) => id + " (" + impact + "): " + node.html + " — " + node.failureSummary));
  })()`);
  return found as string[];
}
