// Another mailing is chosen: the numbers below are counted for it. Without scripts the button does.
"use strict";
{
  const place = document.querySelector("[data-recount]");
  if (place) {
    const recount = () => place.querySelector("select").form.submit(); // no button is pressed, so nothing is done
    // select2 tells its changes through jQuery alone.
    const jquery = window.django?.jQuery;
    if (jquery) {
      jquery(place).on("change", "select", recount);
    } else {
      place.addEventListener("change", recount);
    }
  }
}
