"""The installation of the tests with one letter that ends whatever process composes it: its subject says so."""

from __future__ import annotations

import os

from django.apps import AppConfig

from tests.settings import *  # noqa: F403
from tests.settings import INSTALLED_APPS as INSTALLED

DEADLY = "This letter kills"
INSTALLED_APPS = [*INSTALLED, "tests.cluster.deadly.Deadly"]


class Deadly(AppConfig):
    name = "tests.cluster"

    def ready(self) -> None:
        from mailing.services.runs import slice as slices

        compose = slices.compose_attempt

        def dying(attempt: object) -> object:
            if DEADLY in attempt.subject:  # type: ignore[attr-defined]
                os._exit(139)  # as a segmentation fault would
            return compose(attempt)  # type: ignore[arg-type]

        slices.compose_attempt = dying  # type: ignore[assignment]
