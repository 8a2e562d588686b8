"""The keyboard alone: every control of the main pages is reached, in order, and one sees where one is."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page as Tab

from mailing.models import Mailing
from tests.browser import world
from tests.browser.conftest import Login
from tests.browser.test_comfort import MAIN_PAGES, addresses

pytestmark = pytest.mark.django_db(transaction=True)

MOST_STEPS = 250
# Of radio buttons Tab reaches the chosen one, arrows the others.
MARK = """() => {
  const all = document.querySelectorAll("a[href], button, input, select, textarea, summary");
  let number = 0;
  for (const control of all) {
    const shown = control.checkVisibility({contentVisibilityAuto: true, visibilityProperty: true});
    const other = control.type === "radio" && document.querySelector(`[name="${control.name}"]:checked`) !== control;
    if (shown && !control.disabled && control.tabIndex >= 0 && control.type !== "hidden" && !other) {
      control.dataset.waits = number++;
    }
  }
  return number;
}"""
STEP = """() => {
  const control = document.activeElement;
  if (control === document.body) return null;
  const style = getComputedStyle(control.closest(".select2-selection") ?? control);
  const inside = !control.matches(":focus");  // the browser's own button within a date
  delete control.dataset.waits;
  return {html: control.outerHTML.slice(0, 100),
          seen: inside || style.outlineStyle !== "none" || style.boxShadow !== "none" || control.matches("iframe")};
}"""
LEFT = "[...document.querySelectorAll('[data-waits]')].map(control => control.outerHTML.slice(0, 100))"


@pytest.fixture
def sending(db: None) -> Mailing:
    return world.build()


def walk(tab: Tab) -> tuple[list[str], list[str]]:
    """Tab from the top to the end: the controls that were never reached, and those where the focus is not seen."""
    assert tab.evaluate(MARK) > 10
    unseen, ends = [], 0
    for _step in range(MOST_STEPS):
        tab.keyboard.press("Tab")
        place = tab.evaluate(STEP)
        if place is None:  # the end, or a letter in its frame
            ends += 1
            if ends > 2:
                break
        elif not place["seen"]:
            unseen.append(place["html"])
    return tab.evaluate(LEFT), unseen


@pytest.mark.parametrize("number", range(len(MAIN_PAGES)), ids=MAIN_PAGES)
def test_tab_reaches_every_control_and_the_focus_is_seen(sending: Mailing, login: Login, number: int) -> None:
    tab = login().new_page()
    tab.goto(addresses(sending)[number], wait_until="networkidle")
    tab.evaluate("document.activeElement.blur()")
    assert walk(tab) == ([], [])
