"""The instance metadata service, version 2; a host finds it through an environment variable.

The URL contains a key that is made at each boot and that only the processes of this instance know.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from functools import partial
from typing import Any
from wsgiref.types import WSGIEnvironment

from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.api import Ec2Api
from dl_magics.practice.ec2.http import ApiResponse
from dl_magics.practice.ec2.spot.interruptions import NOTICES, REBALANCE
from dl_magics.practice.hosts.spec import read_user_data

PATH = "/_practice/metadata/"
ROLE = "meta-data/iam/"
PLAIN, BINARY = "text/plain", "application/octet-stream"
TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
LONGEST_TTL = 21_600
BAD_REQUEST, UNAUTHORIZED, FORBIDDEN, NOT_FOUND, WRONG_METHOD = (
    ApiResponse(b"", status, PLAIN) for status in (400, 401, 403, 404, 405)
)


class MetadataService:
    """Answers `/_practice/metadata/KEY/latest/…`; a token is required, as by IMDSv2."""

    def __init__(self, api: Ec2Api) -> None:
        self._api = api
        self._tokens: dict[str, tuple[str, float]] = {}

    def respond(self, environ: WSGIEnvironment) -> ApiResponse:
        """Return the response to one request."""
        key, _, item = environ["PATH_INFO"].removeprefix(PATH).partition("/latest/")
        instance_id = self._api.hosts.find_by_metadata_key(key)
        # A request that was forwarded comes from elsewhere.
        if instance_id is None or "HTTP_X_FORWARDED_FOR" in environ:
            return FORBIDDEN
        if item == "api/token":
            return self._issue_token(environ, instance_id)
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return WRONG_METHOD
        token = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN", "")
        owner, expires = self._tokens.get(token, ("", 0.0))
        if owner != instance_id or expires < time.monotonic():
            return UNAUTHORIZED
        return self._find_item(instance_id, item.strip("/"))

    def _issue_token(self, environ: WSGIEnvironment, instance_id: str) -> ApiResponse:
        if environ["REQUEST_METHOD"] != "PUT":
            return WRONG_METHOD
        ttl = environ.get("HTTP_X_AWS_EC2_METADATA_TOKEN_TTL_SECONDS", "")
        if not ttl.isdecimal() or not 1 <= int(ttl) <= LONGEST_TTL:
            return BAD_REQUEST
        now, token = time.monotonic(), secrets.token_urlsafe(40)
        valid = {each: owner for each, owner in self._tokens.items() if owner[1] > now}
        self._tokens = {**valid, token: (instance_id, now + int(ttl))}
        return ApiResponse(token.encode(), 200, PLAIN, ((TTL_HEADER, ttl),))

    def _find_item(self, instance_id: str, item: str) -> ApiResponse:
        instance = self._api.state.find_instance(instance_id)
        if instance is None:
            return NOT_FOUND
        fact: str | bytes | None = None
        if item.startswith(ROLE):
            # This may issue credentials, which are a part of the state.
            describe = partial(self._api.roles.describe_item, instance, item.removeprefix(ROLE))
            fact = self._api.change_state(describe)
        elif item in ITEMS:
            fact = ITEMS[item](instance, self._api.state.extra)
        if fact is None:
            return NOT_FOUND
        content, kind = (fact.encode(), PLAIN) if isinstance(fact, str) else (fact, BINARY)
        return ApiResponse(content, 200, kind)


def _spot(instance: Instance, extra: dict[str, Any]) -> str | None:
    notice = extra.get(NOTICES, {}).get(instance.id)
    return json.dumps(notice) if notice else None


def _rebalance(instance: Instance, extra: dict[str, Any]) -> str | None:
    at = extra.get(REBALANCE, {}).get(instance.id)
    return json.dumps({"noticeTime": at}) if at else None


def _identity(instance: Instance, _: dict[str, Any]) -> str:
    return json.dumps(
        {
            "instanceId": instance.id,
            "instanceType": instance.instance_type,
            "region": instance.region_name,
            "availabilityZone": instance.availability_zone,
            "accountId": instance.owner_id,
        }
    )


ITEMS: dict[str, Callable[[Instance, dict[str, Any]], str | bytes | None]] = {
    "meta-data/instance-id": lambda instance, _: instance.id,
    "meta-data/instance-type": lambda instance, _: instance.instance_type,
    "meta-data/public-ipv4": lambda instance, _: instance.public_ip,
    "meta-data/local-ipv4": lambda instance, _: instance.private_ip,
    "meta-data/placement/availability-zone": lambda instance, _: instance.availability_zone,
    "meta-data/placement/region": lambda instance, _: instance.region_name,
    "meta-data/instance-life-cycle": lambda instance, _: instance.lifecycle or "on-demand",
    "meta-data/spot/instance-action": _spot,
    "meta-data/events/recommendations/rebalance": _rebalance,
    "dynamic/instance-identity/document": _identity,
    "user-data": lambda instance, _: read_user_data(instance) or None,
}
