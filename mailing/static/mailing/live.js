// Keeps the panel of a run up to date. Without this file it shows how things stood when the page was loaded.
"use strict";
{
  const EVERY = 3000;
  for (const panel of document.querySelectorAll("[data-live]")) {
    const look = async () => {
      if (document.hidden) {
        return true;
      }
      try {
        const answer = await fetch(panel.dataset.live, { headers: { Accept: "text/html" }, credentials: "same-origin" });
        if (answer.redirected || answer.status === 403 || answer.status === 404) {
          return false; // logged out, or the mailing is gone: asking again helps nobody
        }
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        panel.innerHTML = await answer.text();
        panel.classList.remove("stale");
        const pill = panel.querySelector("template[data-pill]"), head = document.querySelector(".page-head > .pill");
        if (pill && head) {
          head.replaceWith(pill.content.cloneNode(true)); // the heading says no other state than the panel
        }
        return answer.headers.get("X-Live") !== "done";
      } catch {
        panel.classList.add("stale"); // the last figures stay, dimmed
        return true;
      }
    };
    const turn = async () => {
      if (await look()) {
        setTimeout(turn, EVERY);
      }
    };
    setTimeout(turn, EVERY);
  }
}
