// Puts a field where the cursor is, and counts the letters of the subject.
"use strict";
{
  let last = document.querySelector("textarea[name=body]");
  document.addEventListener("focusin", (event) => {
    if (event.target.matches("input[name=subject], textarea[name=body], textarea[name=text_body]")) {
      last = event.target;
    }
  });
  for (const chip of document.querySelectorAll("[data-insert]")) {
    chip.addEventListener("click", () => {
      last.focus();
      last.setRangeText(chip.dataset.insert, last.selectionStart, last.selectionEnd, "end");
      last.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
  for (const field of document.querySelectorAll("[data-counter]")) {
    const counter = document.createElement("span");
    counter.className = "counter";
    const count = () => {
      counter.textContent = `${[...field.value].length} / ${field.dataset.counter}`;
      counter.classList.toggle("over", [...field.value].length > Number(field.dataset.counter));
    };
    field.after(counter);
    field.addEventListener("input", count);
    count();
  }
  // Django puts the cursor into the first control of a new form, which is a chip; a letter begins with its subject.
  window.addEventListener("load", () => {
    if (document.activeElement?.dataset.insert) {
      document.querySelector("input[name=subject]").focus();
    }
  });
}
