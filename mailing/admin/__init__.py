"""Screens of the back office. Each room registers its own when it is imported."""

from __future__ import annotations

from mailing.admin import attempts as attempts
from mailing.admin import clients as clients
from mailing.admin import deliveries as deliveries
from mailing.admin import mailings as mailings
from mailing.admin import messages as messages
from mailing.admin import queue as queue
from mailing.admin import suppressions as suppressions
