// The box behind Ctrl-K and the list of keys behind "?". Without this file the link in the top bar leads to a page.
"use strict";
{
  const box = document.getElementById("finder"), keys = document.getElementById("keys");
  const link = document.querySelector(".find-link");
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  if (/Mac|iPhone|iPad/.test(navigator.platform)) {
    for (const key of document.querySelectorAll("kbd[data-key]")) {
      key.textContent = `⌘ ${key.dataset.key}`;
    }
  }

  if (box && keys && link) {
    const PAUSE = 120;
    const form = box.querySelector("form"), input = form.elements.q;
    const found = document.getElementById("finder-found"), said = box.querySelector("[role=status]");
    let options = [], chosen = -1, timer, asked, leave = false;

    const choose = (number) => {
      options[chosen]?.setAttribute("aria-selected", "false");
      chosen = options.length ? (number + options.length) % options.length : -1;
      const option = options[chosen];
      option?.setAttribute("aria-selected", "true");
      option?.scrollIntoView({ block: "nearest" });
      option ? input.setAttribute("aria-activedescendant", option.id) : input.removeAttribute("aria-activedescendant");
    };

    // The fragment is a page's lists of links; in the box they are options, and the focus stays where one types.
    const show = (html) => {
      found.innerHTML = html;
      options = [...found.querySelectorAll("a")];
      options.forEach((option, number) => {
        option.id = `finder-${number}`;
        option.tabIndex = -1;
        option.setAttribute("role", "option");
        option.setAttribute("aria-selected", "false");
      });
      for (const group of found.querySelectorAll("section")) {
        const title = group.querySelector("h2");
        title.id = `finder-${title.id}`;
        group.setAttribute("role", "group");
        group.setAttribute("aria-labelledby", title.id);
        group.querySelectorAll("h2, ul, li").forEach((part) => part.setAttribute("role", "presentation"));
      }
      options.length ? found.setAttribute("role", "listbox") : found.removeAttribute("role");
      input.setAttribute("aria-expanded", String(options.length > 0));
      said.textContent = options.length ? `${box.dataset.found}: ${options.length}` : box.dataset.none;
      found.scrollTop = 0;
      choose(0);
    };

    const look = async () => {
      asked?.abort();
      const mine = (asked = new AbortController());
      try {
        const query = new URLSearchParams({ part: "1", q: input.value });
        const answer = await fetch(`${form.action}?${query}`, { credentials: "same-origin", signal: mine.signal });
        if (answer.redirected) {
          form.submit(); // logged out meanwhile: the page asks for the password, and leads back to the words
          return;
        }
        if (!answer.ok) {
          throw new Error(String(answer.status));
        }
        const html = await answer.text();
        if (mine === asked) {
          asked = null;
          show(html);
          if (leave) {
            go();
          }
        }
      } catch (error) {
        if (mine === asked && error.name !== "AbortError") {
          asked = null;
          leave = false;
          show("");
          said.textContent = box.dataset.failed;
          const words = document.createElement("p");
          words.className = "found-none";
          words.textContent = box.dataset.failed;
          found.append(words);
        }
      }
    };

    // Enter before the answer is here opens the first of what comes.
    const go = () => {
      if (timer || asked) {
        leave = true;
        if (timer) {
          clearTimeout(timer);
          timer = 0;
          look();
        }
        return;
      }
      leave = false;
      options[chosen] ? options[chosen].click() : form.submit();
    };

    const open = () => {
      const here = document.getElementById("find-text");
      if (here) {
        here.focus();
        here.select();
        return;
      }
      keys.close();
      if (!box.open) {
        input.value = "";
        leave = false;
        box.showModal();
        look();
      }
      input.focus();
    };

    input.addEventListener("input", () => {
      leave = false;
      clearTimeout(timer);
      timer = setTimeout(() => {
        timer = 0;
        look();
      }, PAUSE);
    });
    input.addEventListener("keydown", (event) => {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (event.isComposing) {
        return;
      }
      if (step) {
        event.preventDefault();
        choose(chosen + step);
      } else if (event.key === "Enter") {
        event.preventDefault();
        go();
      } else if (event.key === "Escape") {
        event.preventDefault(); // or the browser only empties the field
        event.stopPropagation();
        box.close();
      }
    });
    box.addEventListener("close", () => {
      clearTimeout(timer);
      timer = 0;
      asked?.abort();
      asked = null;
    });
    link.addEventListener("click", (event) => {
      if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
        event.preventDefault();
        open();
      }
    });
    for (const dialog of [box, keys]) {
      dialog.addEventListener("click", (event) => {
        if (event.target === dialog || event.target.closest("button.find-close")) {
          dialog.close();
        }
      });
    }
    box.querySelector("[data-keys]").addEventListener("click", () => {
      box.close();
      keys.showModal();
    });
    document.addEventListener("keydown", (event) => {
      if (event.code === "KeyK" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
        event.preventDefault();
        open();
      } else if (event.key === "?" && !typing(event.target) && !document.querySelector("dialog[open]")) {
        event.preventDefault();
        keys.showModal();
      }
    });
  }
}
