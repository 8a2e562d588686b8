"""Names and addresses of machines, without asking DNS."""

from __future__ import annotations

import re
from ipaddress import ip_address

LABEL = re.compile("[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
MAX_NAME = 253  # RFC 1035, 2.3.4: 255 octets on the wire


def is_host(text: str) -> bool:
    """Whether this can be the name or the IP address of a machine, with nothing around it."""
    try:
        ip_address(text[1:-1] if text.startswith("[") and text.endswith("]") else text)
    except ValueError:
        return _is_name(text)
    return True


def _is_name(text: str) -> bool:
    try:
        name = text.removesuffix(".").encode("idna").decode()
    except UnicodeError:
        return False
    labels = name.split(".")
    an_address_with_a_slip = labels[-1].isdecimal()  # 10.0.0.256
    return len(name) <= MAX_NAME and not an_address_with_a_slip and all(map(LABEL.fullmatch, labels))


def is_loopback(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
