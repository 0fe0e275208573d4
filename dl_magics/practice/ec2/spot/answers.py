"""Answers to the calls of EC2 about spot instances."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from dl_magics.practice.ec2.http import ApiCall, ApiResponse, ec2_response
from dl_magics.practice.ec2.spot import prices, rules
from dl_magics.practice.ec2.spot.interruptions import Interruptions
from dl_magics.practice.ec2.spot.requests import LIVE, SpotRequest, SpotRequests

MESSAGES = {
    "fulfilled": "Your Spot request is fulfilled.",
    "marked-for-stop": "The Spot Instance is marked for stop.",
    "instance-stopped-by-user": "The Spot Instance was stopped because you stopped it.",
    "instance-stopped-no-capacity": "There is no Spot capacity available that matches your "
    "request.",
    "instance-stopped-by-price": "The Spot price exceeded your maximum price.",
}
_INSTANCE_ID = re.compile(rb"<instanceId>(i-[0-9a-f]+)</instanceId>")


class SpotAnswers:
    """Answers calls about the requests and prices; the instances are in the hands of others."""

    def __init__(
        self, extra: dict[str, Any], requests: SpotRequests, interruptions: Interruptions
    ) -> None:
        self._extra = extra
        self._requests = requests
        self._interruptions = interruptions

    def answer(self, call: ApiCall) -> ApiResponse | None:
        """Return the response; None to a call of another kind."""
        if call.action == "DescribeSpotPriceHistory":
            return prices.describe_history(self._extra, call)
        if call.action == "DescribeSpotInstanceRequests":
            return self._describe(call)
        if call.action == "CancelSpotInstanceRequests":
            return self._cancel(call)
        return None

    def add_request_ids(self, body: bytes) -> bytes:
        """Return instances with the ids of their requests, which moto leaves out."""

        def add(found: re.Match[bytes]) -> bytes:
            request = self._requests.find_for(found[1].decode())
            if request is None:
                return found[0]
            return found[0] + _element("spotInstanceRequestId", request.id).encode()

        return _INSTANCE_ID.sub(add, body)

    def _describe(self, call: ApiCall) -> ApiResponse:
        named = call.list_parameter("SpotInstanceRequestId")
        each = [rules.find_request(self._requests, id_) for id_ in named] or self._requests
        wanted = _read_filters(call)
        found = (one for one in each if one.region == call.region and _fits(one, wanted))
        items = "".join(map(_describe_request, found))
        return ec2_response(
            call.action, f"<spotInstanceRequestSet>{items}</spotInstanceRequestSet>"
        )

    def _cancel(self, call: ApiCall) -> ApiResponse:
        named = call.list_parameter("SpotInstanceRequestId")
        items = ""
        for request in [rules.find_request(self._requests, id_) for id_ in named]:
            if request.state in LIVE:
                self._interruptions.cancel(request)
            shown = _element("spotInstanceRequestId", request.id)
            items += f"<item>{shown}{_element('state', request.state)}</item>"
        return ec2_response(
            call.action, f"<spotInstanceRequestSet>{items}</spotInstanceRequestSet>"
        )


def _read_filters(call: ApiCall) -> dict[str, list[str]]:
    names = re.compile(r"Filter\.(\d+)\.Name")
    numbered = {
        found[1]: value for key, value in call.parameters.items() if (found := names.fullmatch(key))
    }
    return {
        name: call.list_parameter(f"Filter.{number}.Value") for number, name in numbered.items()
    }


_FACTS: dict[str, Callable[[SpotRequest], str]] = {
    "state": lambda request: request.state,
    "status-code": lambda request: request.code,
    "instance-id": lambda request: request.instance_id,
    "spot-instance-request-id": lambda request: request.id,
    "type": lambda request: "persistent" if request.persistent else "one-time",
}


def _fits(request: SpotRequest, wanted: dict[str, list[str]]) -> bool:
    for name, values in wanted.items():
        if name == "tag-key":
            if not set(request.tags) & set(values):
                return False
        elif name.startswith("tag:"):
            if request.tags.get(name.removeprefix("tag:")) not in values:
                return False
        elif name in _FACTS and _FACTS[name](request) not in values:
            return False
    return True


def _describe_request(request: SpotRequest) -> str:
    status = _element("code", request.code) + _element(
        "message", MESSAGES.get(request.code, request.code)
    )
    status += _element("updateTime", _format_time(request.updated_at))
    tags = "".join(
        f"<item>{_element('key', key)}{_element('value', value)}</item>"
        for key, value in request.tags.items()
    )
    price = _element("spotPrice", f"{request.max_price:.6f}") if request.max_price else ""
    facts = {
        "spotInstanceRequestId": request.id,
        "type": _FACTS["type"](request),
        "state": request.state,
        "instanceId": request.instance_id,
        "createTime": _format_time(request.created_at),
        "productDescription": "Linux/UNIX",
        "instanceInterruptionBehavior": request.behavior,
    }
    shown = "".join(_element(name, value) for name, value in facts.items())
    return f"<item>{shown}{price}<status>{status}</status><tagSet>{tags}</tagSet></item>"


def _element(name: str, text: str) -> str:
    return f"<{name}>{html.escape(text, quote=False)}</{name}>"


def _format_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%S.000Z}"
