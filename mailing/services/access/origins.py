"""Where somebody knocks from: address, what is counted as one address, browser, known device."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

ONE_HOUSEHOLD = 64  # bits of an IPv6 address that are one customer's; the rest they may choose at will


@dataclass(frozen=True)
class Origin:
    """`address` is empty where nobody knows it: the command line, a socket. `device`: a known device of the user."""

    address: str = ""
    browser: str = ""
    device: str = ""

    @property
    def network(self) -> str:
        return network_of(self.address)

    @property
    def is_shared(self) -> bool:
        """Nothing that tells people apart: everybody behind a proxy nobody told us of comes from loopback."""
        return not self.address or ip_address(self.address).is_loopback


def clean(text: str) -> str:
    """An address as somebody wrote it (with a port, in brackets, IPv4 in IPv6); empty when it is none."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return str(mapped or found)


def network_of(address: str) -> str:
    """The address itself, or the network of an IPv6 one."""
    if ":" not in address:
        return address
    return str(ip_network((address, ONE_HOUSEHOLD), strict=False))
