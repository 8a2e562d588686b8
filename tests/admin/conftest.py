"""Who looks at the pages: the boss, by default."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client as Browser


@pytest.fixture
def browser(superuser: User) -> Browser:
    browser = Browser()
    browser.force_login(superuser)
    return browser
