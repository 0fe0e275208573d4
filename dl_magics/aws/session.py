"""One door to AWS: clients that give up in time, and calls that never start a thing twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from threading import Lock
from typing import Any

from dl_magics.aws.error_mapping import refusals
from dl_magics.aws.profile import Place
from dl_magics.errors import TooManyRequests

_CONNECT_SECONDS = 5
_READ_SECONDS = 10
_ATTEMPTS = 2
_BACK_OFF_SECONDS = (0.5, 1.0, 2.0, 4.0)


class Door:
    """The AWS clients of one place. Every error that comes out is one of ours."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._clients: dict[tuple[str, str | None, bool], Any] = {}
        self._lock = Lock()
        with refusals(place):
            self._session = _session(place)
        self.region: str | None = self._session.region_name

    @staticmethod
    def of(place: Place) -> Door:
        """Return the door to `place`; the same one until its settings change."""
        return _door(place, place.stamp())

    def ask(self, service: str, call: str, *, region: str | None = None, **what: Any) -> Any:
        """Read: tries again by itself where AWS is busy or the network fails."""
        client = self._client(service, region)
        return self._patiently(lambda: getattr(client, call)(**what))

    def pages(self, service: str, call: str, key: str, **what: Any) -> tuple[list[Any], Any]:
        """Read all pages of an answer; return its items and the last page."""
        client = self._client(service, None)
        pages: list[Any] = self._patiently(
            lambda: list(client.get_paginator(call).paginate(**what))
        )
        return [each for page in pages for each in page.get(key, [])], pages[-1]

    def tell(self, call: str, *, fine: tuple[str, ...] = (), **what: Any) -> Any:
        """Change something on EC2, in one attempt; only a plain "slower!" is tried again.

        The codes in `fine` say that it is as wanted already; the answer is then None.
        """
        client = self._client("ec2", None, once=True)
        return self._patiently(lambda: _unless(fine, getattr(client, call), what))

    def profiles(self) -> list[str]:
        """Return the names of the profiles on this computer."""
        return list(self._session.available_profiles)

    def regions(self) -> list[dict[str, Any]]:
        """Return the regions that the account may use."""
        anywhere = self.region or "us-east-1"
        return list(self.ask("ec2", "describe_regions", region=anywhere)["Regions"])

    def _patiently(self, work: Callable[[], Any]) -> Any:
        """Do one call; where AWS says "slower!", wait and do it again."""
        for seconds in _BACK_OFF_SECONDS:
            try:
                with refusals(self.place):
                    return work()
            except TooManyRequests:
                time.sleep(seconds)
        with refusals(self.place):
            return work()

    def _client(self, service: str, region: str | None, *, once: bool = False) -> Any:
        key = (service, region, once)
        # A session of boto3 makes one client at a time.
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._made(*key)
            return self._clients[key]

    def _made(self, service: str, region: str | None, once: bool) -> Any:
        from botocore.config import Config

        retries: Any = {"mode": "standard", "total_max_attempts": 1 if once else _ATTEMPTS}
        config = Config(
            connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries
        )
        with refusals(self.place):
            return self._session.client(service, region_name=region, config=config)


def _unless(fine: tuple[str, ...], call: Callable[..., Any], what: dict[str, Any]) -> Any:
    from botocore.exceptions import ClientError

    try:
        return call(**what)
    except ClientError as error:
        if error.response["Error"]["Code"] in fine:
            return None
        raise


@lru_cache(maxsize=4)
def _door(place: Place, stamp: tuple[object, ...]) -> Door:  # noqa: ARG001 - a part of the key
    return Door(place)


def _session(place: Place) -> Any:
    import boto3
    import botocore.session

    session = botocore.session.Session()
    for variable in ("profile", "config_file", "credentials_file"):
        if value := getattr(place, variable):
            session.set_config_variable(variable, value)
    # What AWS can do is the same wherever we ask: read for the first place, known for the next.
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return boto3.Session(botocore_session=session, region_name=place.region)


@lru_cache
def _loader(data_path: str | None) -> Any:
    from botocore.loaders import create_loader

    return create_loader(data_path)
