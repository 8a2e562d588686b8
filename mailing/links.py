"""Signed addresses for people who never log in: the link by which a client leaves.

A token is the address itself and 120 bits of a keyed hash over it: nothing is stored, it never expires, and
nobody can make one for somebody else. The hash is BLAKE2 in its keyed mode (RFC 7693, 2.9), the key made from
SECRET_KEY and a salt. One is made per letter: a `signing.Signer` takes 6 µs for its mark, `url_maker`'s whole URL 1.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode
from binascii import b2a_base64
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

from django.conf import settings
from django.utils.encoding import iri_to_uri

from mailing import addresses

SALT = b"mailing.links.unsubscribe"
MARK_BYTES = 15  # 120 bits; a multiple of three, so that in base64 the address begins at a place of its own
MARK_CHARS = 20
URLSAFE = bytes.maketrans(b"+/", b"-_")


def unsubscribe_url(email: str) -> str:
    """The absolute address of the page on which this (normalised) address leaves; also its one-click address."""
    return url_maker()(email)


def url_maker() -> Callable[[str], str]:
    """`unsubscribe_url` for many addresses: the settings are read and the key is set up once."""
    prefix = f"{_site(settings.SITE_URL)}/u/"
    keyed = _keyed(settings.SECRET_KEY)
    return lambda email: f"{prefix}{_token(keyed, email)}/"


def email_from_token(token: str) -> str | None:
    """The address a token was made for, by SECRET_KEY or one of SECRET_KEY_FALLBACKS; None for any other text."""
    try:
        data = urlsafe_b64decode(token[MARK_CHARS:] + "=" * (-len(token[MARK_CHARS:]) % 4))
        email = data.decode()
    except ValueError:
        return None
    given = token[:MARK_CHARS].encode()
    keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
    known = any(hmac.compare_digest(given, _token(_keyed(key), email)[:MARK_CHARS].encode()) for key in keys)
    return email if known and email else None


def _token(keyed: hashlib.blake2b, email: str) -> str:
    data = email.encode()
    mark = keyed.copy()
    mark.update(data)
    return b2a_base64(mark.digest() + data, newline=False).translate(URLSAFE).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=8)
def _keyed(secret_key: str) -> hashlib.blake2b:
    """The hash before the address; copied for each."""
    key = hashlib.sha256(SALT + secret_key.encode()).digest()
    return hashlib.blake2b(key=key, digest_size=MARK_BYTES)


@lru_cache(maxsize=8)
def _site(url: str) -> str:
    """The site's address in ASCII: it stands in a header."""
    if url.isascii():
        return url
    parts = urlsplit(url)
    host, colon, port = parts.netloc.partition(":")
    return iri_to_uri(parts._replace(netloc=addresses.ascii_domain(host) + colon + port).geturl())
