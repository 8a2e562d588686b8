"""Normalise and judge an e-mail address."""

from __future__ import annotations


def normalize(address: str) -> str:
    """The one stored form of an address: trimmed, in lower case."""
    return address.strip().lower()
