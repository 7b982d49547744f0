/**
 * The page's only script: while something is running, it asks for the same address again and puts the parts that
 * change in the place of the old ones. Without it, the page is read again by hand.
 */
export const LIVE_SCRIPT = `(() => {
  const every = () => Number(document.body.dataset.every || 0);
  const look = async () => {
    if (!every()) return;
    if (document.visibilityState === "visible") {
      try {
        const url = new URL(location.href);
        if (!url.searchParams.has("job")) url.searchParams.set("part", "live");
        url.searchParams.delete("done");
        const answer = await fetch(url, { credentials: "same-origin" });
        if (!answer.ok) throw new Error(String(answer.status));
        const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const old of document.querySelectorAll("[data-live]")) {
          const next = fresh.getElementById(old.id);
          if (!next || next.outerHTML === old.outerHTML || old.contains(document.activeElement)) continue;
          old.replaceWith(document.adoptNode(next));
        }
        document.body.dataset.every = fresh.body.dataset.every || "0";
      } catch {
        document.body.dataset.every = String(Math.min(60000, every() * 2));
      }
    }
    setTimeout(look, every() || 1);
  };
  setTimeout(look, every() || 1);
})();`;
