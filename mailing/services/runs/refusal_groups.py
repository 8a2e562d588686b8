"""What was not sent, in groups: of thousands of refusals a person sees how many said what."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from mailing.choices import DeliveryStatus
from mailing.models import Attempt, Delivery, RefusalGroup

EXAMPLES = 20  # addresses shown per group
GROUPS = 100  # kept per attempt


class _Key(NamedTuple):
    status: str
    reason: str
    code: int | None
    words: str  # the server's, without what differs from letter to letter


_DIFFERENT = re.compile(r"\S+@\S+|[0-9A-Za-z.-]*\d[0-9A-Za-z.-]{5,}|\d{4,}")


class RefusalGroups:
    """What was not sent, grouped by what the server said: "451 greylisting: 12 addresses"."""

    def __init__(self, attempt: Attempt) -> None:
        self.counts: Counter[_Key] = Counter()
        self.examples: dict[_Key, list[str]] = {}
        self.words: dict[_Key, str] = {}  # of the first in the group
        for row, response, email in self._rows(attempt):
            is_one_too_many = row not in self.examples and len(self.examples) >= GROUPS
            key = row._replace(words="…") if is_one_too_many else row
            self.counts[key] += 1
            self.words.setdefault(key, response)
            examples = self.examples.setdefault(key, [])
            if len(examples) < EXAMPLES:
                examples.append(email)

    def _rows(self, attempt: Attempt) -> Iterator[tuple[_Key, str, str]]:
        rows = Delivery.objects.filter(attempt=attempt).exclude(status=DeliveryStatus.SENT).order_by("pk")
        fields = ("status", "reason", "code", "response", "email")
        for status, reason, code, response, email in rows.values_list(*fields).iterator():
            yield _Key(status, reason, code, _DIFFERENT.sub("…", response)), response, email

    def as_json(self) -> list[RefusalGroup]:
        return [
            {
                "status": key.status,
                "reason": key.reason,
                "code": key.code,
                "response": self.words[key],
                "count": count,
                "examples": self.examples[key],
            }
            for key, count in self.counts.most_common()
        ]

    def most_frequent_refusal(self) -> str:
        refusals = (self.words[key] for key, _ in self.counts.most_common() if key.status == DeliveryStatus.FAILED)
        return next((words for words in refusals if words), "")
