"""What the contract allows, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.server import contract

ID = "i-0123456789abcdef0"
LAUNCH = ("/instances", "post")
START = ("/instances/{id}/start", "post")
EVENTS = ("/runs/{name}/events", "get")


def check(operation, path=(), query=None, body=b""):
    return contract.load_contract().operations[operation].check_request(path, query or {}, body)


def test_a_request_that_is_allowed_comes_back_with_its_values():
    asked = check(LAUNCH, body=b'{"type": "g4dn.xlarge", "disk_gib": 200}')

    assert asked.body == {"type": "g4dn.xlarge", "disk_gib": 200}
    assert check(EVENTS, ["run"], {"since": [b"7"]}).query == {"since": 7}
    assert check(EVENTS, ["run"]).query == {"since": 0}
    assert check(("/instances", "get"), (), {"fresh": [b"true"], "1700": [b""]}).query == {
        "fresh": True
    }
    assert check(START, [ID]).body == {}


@pytest.mark.parametrize(
    ("operation", "path", "query", "body", "named"),
    [
        (LAUNCH, [], {}, b"", "body: 'type' is a required property"),
        (LAUNCH, [], {}, b"[]", "body: [] is not of type 'object'"),
        (LAUNCH, [], {}, b'{"type": ', "body: it is not JSON"),
        (LAUNCH, [], {}, b"\xff", "body: it is not JSON"),
        (LAUNCH, [], {}, b"[" * 100_000, "body: it is not JSON"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "typ": 1}', "'typ' was unexpected"),
        (LAUNCH, [], {}, b'{"type": "; rm -rf"}', "body['type']: '; rm -rf' does not match"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "disk_gib": true}', "body['disk_gib']: True"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "spot": true}', "body['spot']: True"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "spot": {"max_price": 0}}', "body['spot']['max_p"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "spot": {"max_price": 1e999}}', "inf is greater"),
        (LAUNCH, [], {}, b'{"type": "t2.micro", "max_price": 0.3}', "'max_price' was unexpected"),
        (START, ["gpu"], {}, b"", "id: 'gpu' does not match"),
        (START, [f"{ID}\n"], {}, b"", "id: "),
        (START, [ID], {}, b'{"confirmed": 1}', "body['confirmed']: 1 is not of type"),
        (EVENTS, ["../.."], {}, b"", "name: '../..' does not match"),
        (EVENTS, ["run"], {"since": [b"-1"]}, b"", "since: '-1' is not of type 'integer'"),
        (EVENTS, ["run"], {"since": [b"9" * 999]}, b"", "since: 9999"),
        (EVENTS, ["run"], {}, b'{"a": 1}', "body: this request has none"),
        (("/instances", "get"), [], {"fresh": [b"yes"]}, b"", "fresh: 'yes' is not of type"),
        (("/keras-settings", "put"), [], {}, b"{}", "body: {}"),
        (("/keras-settings", "put"), [], {}, b'{"epsilon": NaN}', "body: it is not JSON"),
    ],
)
def test_a_request_that_is_not_allowed_is_named_with_its_value(operation, path, query, body, named):
    with pytest.raises(BadSetting) as caught:
        check(operation, path, query, body)

    assert str(caught.value).startswith("The request is not valid: ")
    assert named in str(caught.value)
    assert len(str(caught.value)) < 400
    assert caught.value.status == 400


@given(st.binary(max_size=200))
def test_no_body_is_anything_but_allowed_or_refused(body):
    for operation, path in ((LAUNCH, []), (START, [ID]), (("/place", "put"), [])):
        try:
            check(operation, path, body=body)
        except BadSetting:
            continue
