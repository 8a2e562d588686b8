"""Who may read the metrics: nobody, until the settings say so."""

from __future__ import annotations

from ipaddress import ip_network

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db

TOKEN = "a-token-of-more-than-twenty-characters"


def test_without_settings_there_is_no_such_page(client: Client, admin_client: Client) -> None:
    assert client.get("/metrics").status_code == 404
    assert admin_client.get("/metrics").status_code == 404


def test_the_token_opens_it(client: Client, settings: object) -> None:
    settings.METRICS_TOKEN = TOKEN  # type: ignore[attr-defined]

    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

    assert answer.status_code == 200
    assert b"samovar_letters_total" in answer.content


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"])
def test_nothing_else_does(client: Client, settings: object, given: str) -> None:
    settings.METRICS_TOKEN = TOKEN  # type: ignore[attr-defined]

    answer = client.get("/metrics", headers={"Authorization": given})

    assert answer.status_code == 403
    assert b"samovar" not in answer.content


def test_an_address_of_the_list_needs_no_token(client: Client, settings: object) -> None:
    settings.METRICS_ADDRESSES = [ip_network("10.0.0.0/8")]  # type: ignore[attr-defined]

    assert client.get("/metrics", REMOTE_ADDR="10.1.2.3").status_code == 200
    assert client.get("/metrics", REMOTE_ADDR="192.0.2.1").status_code == 403
    assert client.get("/metrics", REMOTE_ADDR="").status_code == 403


def test_an_address_that_somebody_claims_is_not_believed(client: Client, settings: object) -> None:
    settings.METRICS_ADDRESSES = [ip_network("10.0.0.0/8")]  # type: ignore[attr-defined]

    answer = client.get("/metrics", REMOTE_ADDR="192.0.2.1", headers={"X-Forwarded-For": "10.1.2.3"})

    assert answer.status_code == 403
