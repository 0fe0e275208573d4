from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.aws.network import own_address

CLOSED = "http://localhost:9/"


@pytest.fixture
def proxy(address, monkeypatch):
    """A proxy that is named by the environment; it answers with an address itself."""
    monkeypatch.setenv("http_proxy", address.url)
    monkeypatch.setenv("no_proxy", "")
    return address


def test_the_address_is_what_the_service_returns(address):
    assert own_address.find_own_address(address.url) == "198.51.100.7/32"


def test_the_service_is_asked_past_a_proxy(address, monkeypatch):
    monkeypatch.setenv("http_proxy", CLOSED)
    monkeypatch.setenv("no_proxy", "")

    assert own_address.find_own_address(address.url) == "198.51.100.7/32"


def test_the_address_that_a_proxy_has_is_not_taken_for_the_own_one(proxy):
    with pytest.raises(errors.NoAddress) as refused:
        own_address.find_own_address(CLOSED)

    assert "only through the proxy 127.0.0.1:" in str(refused.value)
    assert "It sees 198.51.100.7, the address of the proxy" in str(refused.value)
    assert "--allow-from" in refused.value.fix


def test_the_password_of_a_proxy_is_not_shown(monkeypatch):
    monkeypatch.setenv("http_proxy", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "")

    with pytest.raises(errors.NoAddress) as refused:
        own_address.find_own_address(CLOSED)

    assert "secret" not in f"{refused.value} {refused.value.fix}"
    assert "127.0.0.1:9" in str(refused.value)


@pytest.mark.parametrize("answer", ["<html>log in</html>", "2001:db8::7", "", "999.1.1.1"])
def test_an_answer_that_is_no_ipv4_address_is_refused(address, answer):
    address.address = answer

    with pytest.raises(errors.NoAddress, match="did not return your public IPv4 address"):
        own_address.find_own_address(address.url)


def test_a_service_without_https_is_refused():
    with pytest.raises(errors.BadSetting, match="must use https"):
        own_address.find_own_address("http://checkip.example.com")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.9/24", "203.0.113.0/24"),
        ("2001:db8::7", "2001:db8::7/128"),
        ("2001:DB8:1::/48", "2001:db8:1::/48"),
    ],
)
def test_a_range_is_an_address_or_cidr_of_either_version(typed, meant):
    assert own_address.parse_range(typed) == meant
    assert own_address.is_ipv6(meant) == (":" in typed)


@pytest.mark.parametrize("typed", ["0.0.0.0/0", "::/0", "10.0.0.0/7", "me too", "203.0.113.7/33"])
def test_a_range_that_is_too_large_or_invalid_is_refused(typed):
    with pytest.raises(errors.BadSetting) as refused:
        own_address.parse_range(typed)

    assert "--allow-from" in refused.value.fix
