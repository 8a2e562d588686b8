// The few things HTML cannot do by itself. Everything works without this file.
"use strict";
{
  const typing = (target) => target.closest("input, textarea, select, [contenteditable]") !== null;

  // Keys by their place on the keyboard (event.code): the same in Russian and English layouts.
  document.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.shiftKey; // with Shift it is a "?"
    if (event.code === "Slash" && plain && !typing(event.target) && !document.querySelector("dialog[open]")) {
      const search = document.getElementById("searchbar");
      if (search) {
        event.preventDefault();
        search.focus();
        search.select();
      }
    } else if (event.code === "KeyS" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey) {
      const save = document.querySelector(".submit-row [name=_continue]") || document.querySelector(".submit-row [name=_save]");
      if (save) {
        event.preventDefault();
        save.click();
      }
    } else if (event.code === "Escape") {
      const open = document.querySelector("details[name][open]");
      if (open) {
        open.open = false;
        open.querySelector("summary").focus();
      }
    }
  });

  // A click elsewhere closes an open menu or filter.
  document.addEventListener("click", (event) => {
    for (const open of document.querySelectorAll("details[name][open]")) {
      if (!open.contains(event.target)) {
        open.open = false;
      }
    }
  });

  // Leaving a changed form asks. Compared as text: a field changed and changed back is not a change.
  const form = document.querySelector("body.change-form #content-main > form[method=post]");
  const state = () => new URLSearchParams([...new FormData(form)].map(([name, value]) => [name, String(value.name ?? value)])).toString();
  let before = null;
  let leaving = false;
  window.addEventListener("load", () => setTimeout(() => { before = form && state(); }));
  window.addEventListener("beforeunload", (event) => {
    if (form && before !== null && !leaving && state() !== before) {
      event.preventDefault();
    }
  });

  // A second click on a submit button does nothing. Disabled only after the browser has collected the fields:
  // a disabled button would not post its own name and value.
  document.addEventListener("submit", (event) => {
    const target = event.submitter?.formTarget || event.target.target;
    if (event.defaultPrevented || target || event.target.method === "get") {
      return;
    }
    leaving = event.target === form || leaving;
    const buttons = [...event.target.elements].filter((element) => element.type === "submit" && !element.disabled);
    setTimeout(() => {
      buttons.forEach((button) => { button.disabled = true; });
      event.target.setAttribute("aria-busy", "true");
      event.target.querySelectorAll("[data-busy]").forEach((place) => { place.textContent = place.dataset.busy; });
    });
    setTimeout(() => release(event.target, buttons), 30000); // a download leaves the page where it is
  });
  const release = (submitted, buttons) => {
    buttons.forEach((button) => { button.disabled = false; });
    submitted.removeAttribute("aria-busy");
    submitted.querySelectorAll("[data-busy]").forEach((place) => { place.textContent = ""; });
  };
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) {
      document.querySelectorAll("form[aria-busy]").forEach((submitted) => release(submitted, [...submitted.elements].filter((element) => element.type === "submit")));
    }
  });

  // Django's autocomplete boxes (select2) have no accessible name: they get that of the field they stand for.
  const name = (select, element) => {
    const label = select?.labels?.[0]?.textContent.trim();
    if (label && element) {
      element.removeAttribute("aria-labelledby");
      element.setAttribute("aria-label", label);
    }
  };
  const nameAll = () => {
    for (const select of document.querySelectorAll("select.select2-hidden-accessible")) {
      const box = select.nextElementSibling;
      for (const part of box.querySelectorAll(".select2-selection, [role=textbox], .select2-search__field")) {
        name(select, part);
      }
    }
  };
  // Through jQuery, whose queue builds the boxes: on a slow machine the page has loaded before they stand.
  window.addEventListener("load", () => (window.django?.jQuery ? window.django.jQuery(nameAll) : nameAll()));
  document.addEventListener("focusin", (event) => {
    if (event.target.matches(".select2-search--dropdown .select2-search__field")) {
      name(document.querySelector(".select2-container--open")?.previousElementSibling, event.target);
    }
  });

  // A chosen file is named beside our own button.
  for (const input of document.querySelectorAll(".file-box input")) {
    const shown = input.parentElement.querySelector(".file-name");
    const words = shown.textContent;
    const tell = () => {
      shown.textContent = input.files[0]?.name ?? words;
      input.parentElement.classList.toggle("is-chosen", input.files.length > 0);
    };
    input.addEventListener("change", tell);
    window.addEventListener("pageshow", tell); // a browser that comes back keeps the file
  }

  // On the phone a row is a card: each cell says which column it was.
  const heads = [...document.querySelectorAll("#result_list thead th")].map((head) => head.querySelector(".text")?.textContent.trim() ?? "");
  for (const row of document.querySelectorAll("#result_list tbody tr")) {
    [...row.cells].forEach((cell, index) => {
      if (heads[index]) {
        cell.dataset.label = heads[index];
      }
      cell.classList.toggle("is-zero", cell.textContent.trim() === "0");
      if (["", "-", "—"].includes(cell.textContent.trim()) && !cell.querySelector("img, svg, input")) {
        cell.classList.add("is-blank");
      }
    });
  }
}
