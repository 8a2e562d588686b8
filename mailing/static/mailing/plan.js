// Says while somebody types what saving the mailing would do, and puts it on the save button.
"use strict";
{
  const panel = document.querySelector("[data-plan]");
  const form = panel?.closest("form");
  const NAMES = ["message", "audience", "add_clients", "start_at_0", "start_at_1", "end_at_0", "end_at_1", "periodicity", "is_paused"];
  let asked = 0;

  const label = () => {
    const button = form.querySelector(".submit-row [name=_save]");
    const words = panel.querySelector("[data-save]")?.dataset.save;
    if (button && words) {
      button.value = words;
    }
  };

  const ask = async () => {
    const number = ++asked;
    const query = new URLSearchParams([...new FormData(form)].filter(([name]) => NAMES.includes(name)));
    query.set("mailing", panel.dataset.mailing);
    try {
      const answer = await fetch(`${panel.dataset.plan}?${query}`, { credentials: "same-origin" });
      if (answer.ok && !answer.redirected && number === asked) {
        panel.innerHTML = await answer.text();
        label();
      }
    } catch {
      // the last sentence stays
    }
  };

  if (form) {
    let pause;
    const soon = () => {
      clearTimeout(pause);
      pause = setTimeout(ask, 300);
    };
    form.addEventListener("input", soon);
    form.addEventListener("change", soon);
    // The search boxes are jQuery's: their change reaches nobody else.
    window.django?.jQuery?.(form).on("change", "select", soon);
    label();
  }
}
