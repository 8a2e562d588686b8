// The arrows go from letter to letter in the list. Without this script the tab key does, and everything is a link.
"use strict";

const links = [...document.querySelectorAll(".letters-list a")];
const current = links.find((link) => link.hasAttribute("aria-current"));
const BY_KEYS = "mailbox-by-keys";

document.querySelector(".letters-list")?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const at = links.indexOf(document.activeElement);
  if (event.key === "Enter") sessionStorage.setItem(BY_KEYS, "1");
  if (!step || at < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  links[at + step]?.focus();
});

// Whoever opened it from the list by the keyboard goes on from there.
current?.scrollIntoView({ block: "nearest" });
if (sessionStorage.getItem(BY_KEYS)) current?.focus();
sessionStorage.removeItem(BY_KEYS);
