"""The public address of this computer, and address ranges that a user types."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit

from dl_magics.errors import BadSetting, NoAddress

_TIMEOUT_SECONDS = 8
_MAX_ANSWER_BYTES = 200


def find_own_address(url: str) -> str:
    """Return this computer's public IPv4 address as a /32, as the service at `url` reports it.

    A `data:` URL contains the address. Raises NoAddress if the response is not an address.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("https", "data") and parts.hostname not in ("127.0.0.1", "localhost"):
        raise BadSetting(
            f"The address service must use https, got {url}.",
            fix="%aws_profile --address-url https://checkip.amazonaws.com",
        )
    try:
        with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer:
            text = answer.read(_MAX_ANSWER_BYTES).decode(errors="replace").strip()
        return f"{ipaddress.IPv4Address(text)}/32"
    except (OSError, ValueError) as error:
        raise NoAddress(
            f"{parts.hostname or url} did not return your public IP address ({error}).",
            fix="Set the address: --allow-from 203.0.113.7/32 · or another service: "
            "%aws_profile --address-url https://…",
        ) from error


def parse_range(cidr: str) -> str:
    """Return an address range in CIDR notation; raise BadSetting if it is invalid or too large."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise BadSetting(
            f"'{cidr}' is not an IP address or CIDR range.", fix="--allow-from 203.0.113.0/24"
        ) from error
    if network.prefixlen < 8:
        raise BadSetting(
            f"{network} is too large: the prefix must have at least 8 bits.",
            fix="--allow-from 203.0.113.0/24",
        )
    return str(network)
