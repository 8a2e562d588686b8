from __future__ import annotations

import pytest

from mailing.admin.common import delivery_text
from mailing.choices import DeliveryReason

LABEL_SAYS_IT_ALL = {DeliveryReason.DUPLICATE}


@pytest.mark.parametrize("reason", [reason for reason in DeliveryReason if reason not in LABEL_SAYS_IT_ALL])
def test_every_reason_says_what_it_means_above_the_words_of_the_server(reason: DeliveryReason) -> None:
    assert str(delivery_text.about(reason, None))
