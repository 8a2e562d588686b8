// Shows the letter while it is being written. Without this file the button does it.
"use strict";
{
  const button = document.querySelector("[data-preview]");
  const form = button?.form;

  // A copy of the form goes into the frame: the form itself stays untouched, and nobody is asked about leaving it.
  const show = () => {
    const twin = document.createElement("form");
    twin.method = "post";
    twin.action = button.formAction;
    twin.target = button.formTarget;
    twin.hidden = true;
    for (const [name, value] of new FormData(form)) {
      const field = document.createElement("textarea");
      field.name = name;
      field.value = value;
      twin.append(field);
    }
    document.body.append(twin);
    twin.submit();
    twin.remove();
  };

  if (form) {
    let pause;
    const soon = (event) => {
      const now = event.target.type === "radio" || event.target.tagName === "SELECT";
      clearTimeout(pause);
      pause = setTimeout(show, now ? 0 : 700);
    };
    form.addEventListener("input", soon);
    window.django?.jQuery?.(form).on("change", "select", soon);
    show();
  }
}
