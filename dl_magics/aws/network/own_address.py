"""The public address of this computer, and address ranges that a user types."""

from __future__ import annotations

import ipaddress
import urllib.request
from urllib.parse import urlsplit

from dl_magics.errors import BadSetting, NoAddress

_TIMEOUT_SECONDS = 8
# Behind a proxy, a network often drops direct connections instead of refusing them.
_DIRECT_SECONDS = 3
_MAX_ANSWER_BYTES = 200
_MIN_PREFIX = 8
_FIX = (
    "Allow a range that you know: add --allow-from 203.0.113.7/32 to the line · or use another "
    "service: %aws_profile --address-url https://…"
)


def find_own_address(url: str) -> str:
    """Return this computer's public IPv4 address as a /32, as the service at `url` reports it.

    A `data:` URL contains the address. The service is asked past a proxy, which has an address of
    its own.

    Raises
    ------
    NoAddress
        if the response is not an address, or only the proxy's is known.
    """
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "localhost")
    if parts.scheme not in ("https", "data") and not local:
        raise BadSetting(
            f"The address service must use https, got {url}.",
            fix="%aws_profile --address-url https://checkip.amazonaws.com",
        )
    proxy = _find_proxy(url)
    try:
        return f"{_ask(url, _DIRECT_SECONDS if proxy else _TIMEOUT_SECONDS, direct=True)}/32"
    except (OSError, ValueError) as error:
        if proxy:
            raise _proxy_error(url, proxy) from error
        raise NoAddress(
            f"{parts.hostname or url} did not return your public IPv4 address ({error}).", fix=_FIX
        ) from error


def parse_range(cidr: str) -> str:
    """Return an address range in CIDR notation; raise BadSetting if it is invalid or too large."""
    try:
        network = ipaddress.ip_network(cidr, strict=False)
    except ValueError as error:
        raise BadSetting(
            f"'{cidr}' is not an IP address or CIDR range.", fix="--allow-from 203.0.113.0/24"
        ) from error
    if network.prefixlen < _MIN_PREFIX:
        raise BadSetting(
            f"{network} is too large: the prefix must have at least {_MIN_PREFIX} bits.",
            fix="--allow-from 203.0.113.0/24",
        )
    return str(network)


def is_ipv6(source: str) -> bool:
    """Return whether an address range is one of IPv6."""
    return ":" in source


def _ask(url: str, seconds: float, *, direct: bool) -> ipaddress.IPv4Address:
    handlers = [urllib.request.ProxyHandler({})] if direct else []
    with urllib.request.build_opener(*handlers).open(url, timeout=seconds) as answer:
        text = answer.read(_MAX_ANSWER_BYTES).decode(errors="replace").strip()
    address = ipaddress.ip_address(text)
    if address.version == 6:
        raise ValueError(f"it returned the IPv6 address {address}")
    return ipaddress.IPv4Address(text)


def _find_proxy(url: str) -> str | None:
    """Return the proxy that the environment sets for a URL."""
    parts = urlsplit(url)
    if not parts.hostname or urllib.request.proxy_bypass(parts.netloc):
        return None
    return urllib.request.getproxies().get(parts.scheme)


def _proxy_error(url: str, proxy: str) -> NoAddress:
    """Return the error of a service that is reached through a proxy only."""
    parts, host = urlsplit(proxy), urlsplit(url).hostname
    # A proxy's URL may have a password.
    name = f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
    try:
        seen = f" It sees {_ask(url, _TIMEOUT_SECONDS, direct=False)}, the address of the proxy."
    except (OSError, ValueError):
        seen = ""
    return NoAddress(
        f"{host} can be reached only through the proxy {name} (HTTPS_PROXY), which SSH does not "
        f"use: your own address is unknown.{seen}",
        fix=_FIX,
    )
