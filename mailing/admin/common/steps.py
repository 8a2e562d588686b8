"""The one thing a person can do about a state, as a button: the same wherever a run is shown."""

from __future__ import annotations

from typing import Literal

from django.urls import reverse

from mailing.choices import Step
from mailing.furniture import Button
from mailing.services.states import Told

# The page of the mailing that does it, how it is asked, and the picture.
PAGES: dict[Step, tuple[str, Literal["get", "post"], str]] = {
    Step.PAUSE: ("pause", "post", "pause"),
    Step.RESUME: ("resume", "post", "play"),
    Step.GO_ON: ("send", "get", "send"),
    Step.SEND: ("send", "get", "send"),
}


def button(told: Told, mailing_id: int, *, primary: bool = False) -> Button | None:
    """None where nothing can be pressed, or the page of the run has buttons of its own for it."""
    if told.step is None or told.step not in PAGES:
        return None
    page, method, icon = PAGES[told.step]
    url = reverse(f"admin:mailing_mailing_{page}", args=[mailing_id])
    return Button(told.step.label, url, method=method, primary=primary, icon=icon)
