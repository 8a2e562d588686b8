"""Targets are large enough to be hit (WCAG 2.2, 2.5.8): 24 by 24 pixels, or so much room around their middle."""

from __future__ import annotations

import pytest

from mailing.models import Mailing
from tests.browser import world
from tests.browser.chromium import SIZES
from tests.browser.conftest import Login
from tests.browser.test_comfort import MAIN_PAGES, addresses

pytestmark = pytest.mark.django_db(transaction=True)

# Excepted are links within a sentence, and what the browser draws itself. A label is part of its control.
SMALL = """() => {
  const LEAST = 24;
  const boxes = [];
  for (const control of document.querySelectorAll("a[href], button, input, select, textarea, summary")) {
    const asked = {contentVisibilityAuto: true, visibilityProperty: true, opacityProperty: true};
    const shown = control.checkVisibility(asked);
    if (!shown || control.disabled || control.type === "hidden" || control.matches(".skip-to-content-link")) continue;
    const part = control.labels?.length === 1 && /checkbox|radio/.test(control.type) ? [control.labels[0]] : [];
    const rects = [control, ...part].map((one) => one.getBoundingClientRect()).filter((one) => one.width > 1);
    if (!rects.length) continue;
    const left = Math.min(...rects.map((r) => r.left)), right = Math.max(...rects.map((r) => r.right));
    const top = Math.min(...rects.map((r) => r.top)), bottom = Math.max(...rects.map((r) => r.bottom));
    boxes.push({control, left, right, top, bottom, small: right - left < LEAST || bottom - top < LEAST});
  }
  const sentence = (link) => link.tagName === "A" && getComputedStyle(link).display === "inline"
    && [...link.parentElement.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim().length > 1);
  const far = (one, other) => {
    const x = (one.left + one.right) / 2, y = (one.top + one.bottom) / 2;
    if (other.small) {
      return Math.hypot(x - (other.left + other.right) / 2, y - (other.top + other.bottom) / 2) >= LEAST;
    }
    const dx = Math.max(other.left - x, 0, x - other.right), dy = Math.max(other.top - y, 0, y - other.bottom);
    return Math.hypot(dx, dy) >= LEAST / 2;
  };
  return boxes.filter((one) => one.small && !sentence(one.control)
      && !boxes.every((other) => other === one || other.control.contains(one.control) || far(one, other)))
    .map((one) => `${Math.round(one.right - one.left)}x${Math.round(one.bottom - one.top)} `
      + one.control.outerHTML.slice(0, 120));
}"""


@pytest.fixture
def sending(db: None) -> Mailing:
    return world.build()


@pytest.mark.parametrize("number", range(len(MAIN_PAGES)), ids=MAIN_PAGES)
def test_every_target_is_large_enough_or_has_room_around_it(sending: Mailing, login: Login, number: int) -> None:
    tab = login().new_page()
    for name, size in SIZES:
        tab.set_viewport_size(size)
        tab.goto(addresses(sending)[number], wait_until="networkidle")
        if tab.locator(".action-select").count():
            tab.locator(".action-select").first.check()
        assert (name, tab.evaluate(SMALL)) == (name, [])
