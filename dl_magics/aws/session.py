"""A session with AWS: clients with timeouts, and changes that are sent only once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property, lru_cache
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

from dl_magics.aws import api_models, credentials
from dl_magics.aws.error_mapping import map_boto_errors
from dl_magics.aws.profile import AwsProfile
from dl_magics.errors import NoCredentials, NoRegion, TooManyRequests
from dl_magics.store import change_signal

_CONNECT_SECONDS = 5
_READ_SECONDS = 10
_ATTEMPTS = 2
# One for each region that an account may have, and some more.
_SESSIONS = 64
# The most values that EC2 accepts in the filters of one call.
_FILTER_VALUES = 200
_BACKOFF_SECONDS = (0.5, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Query:
    """A read-only operation that was called: its service, name, region and parameters."""

    service: str
    call: str
    region: str
    parameters: Mapping[str, Any]


_recordings: list[list[Query]] = []


@contextmanager
def record_queries() -> Iterator[list[Query]]:
    """Collect what is queried in this block, by any thread of this process."""
    recording: list[Query] = []
    _recordings.append(recording)
    try:
        yield recording
    finally:
        _recordings.remove(recording)


class AwsSession:
    """The AWS clients of one profile. Errors of boto3 are raised as those of dl_magics."""

    def __init__(self, profile: AwsProfile) -> None:
        self.profile = profile
        self._clients: dict[tuple[str, str | None, bool], Any] = {}
        self._lock = Lock()
        with map_boto_errors(profile):
            self._boto_session, self._endpoint_url = _create_boto_session(profile)
        self.region: str | None = self._boto_session.region_name

    @staticmethod
    def open(profile: AwsProfile) -> AwsSession:
        """Return the session of a profile; the same object until its credentials change."""
        return _open(profile, profile.cache_key())

    def query(
        self, service: str, call: str, *, region: str | None = None, **parameters: Any
    ) -> Any:
        """Call a read-only operation; it is retried if AWS throttles it or the network fails."""
        self._note(service, call, region, parameters)
        client = self._client(service, region)
        return self._retry_throttled(lambda: getattr(client, call)(**parameters))

    def query_pages(
        self, service: str, call: str, key: str, **parameters: Any
    ) -> tuple[list[Any], Any]:
        """Call a paginated read-only operation; return all items and the last page."""
        self._note(service, call, None, parameters)
        client = self._client(service, None)
        pages: list[Any] = self._retry_throttled(
            lambda: list(client.get_paginator(call).paginate(**parameters))
        )
        return [each for page in pages for each in page.get(key, [])], pages[-1]

    def query_filtered(self, call: str, key: str, name: str, values: Iterable[str]) -> list[Any]:
        """Return the items of an EC2 operation that have one of `values` in the filter `name`."""
        wanted = sorted(values)
        found: list[Any] = []
        for start in range(0, len(wanted), _FILTER_VALUES):
            filters = [{"Name": name, "Values": wanted[start : start + _FILTER_VALUES]}]
            found += self.query_pages("ec2", call, key, Filters=filters)[0]
        return found

    def change_ec2(self, call: str, *, unless: tuple[str, ...] = (), **parameters: Any) -> Any:
        """Call an EC2 operation that changes something, as `change` does."""
        return self.change("ec2", call, unless=unless, **parameters)

    def change(
        self, service: str, call: str, *, unless: tuple[str, ...] = (), **parameters: Any
    ) -> Any:
        """Call an operation that changes something, once; only throttling is retried.

        An error code in `unless` means that nothing has to change; the answer is then None.
        """
        client = self._client(service, None, once=True)
        try:
            return self._retry_throttled(lambda: _unless(unless, getattr(client, call), parameters))
        finally:
            change_signal.note_change()

    def open_client(self, service: str, config: Any) -> Any:
        """Return a new client with settings of its own; its errors are those of boto3."""
        with self._lock:
            return self._create_client(service, None, config)

    def convert_errors(self) -> AbstractContextManager[None]:
        """Return a context that raises the errors of boto3 as those of dl_magics."""
        return map_boto_errors(self.profile)

    @cached_property
    def account_id(self) -> str:
        """The id of the AWS account, twelve digits."""
        return str(self.query("sts", "get_caller_identity")["Account"])

    @cached_property
    def partition(self) -> str:
        """The partition of the region: `aws`, `aws-cn`, `aws-us-gov`; empty if unknown."""
        from botocore.exceptions import UnknownRegionError

        try:
            return str(self._boto_session.get_partition_for_region(self.region or ""))
        except UnknownRegionError:
            return ""

    @property
    def endpoint_variables(self) -> dict[str, str]:
        """The variables that keep the aws command at the endpoint of a profile with its own."""
        if not self._endpoint_url:
            return {}
        return {
            "AWS_ENDPOINT_URL_EC2": self._endpoint_url,
            "AWS_ENDPOINT_URL_CLOUDWATCH": self._endpoint_url,
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "false",
            "NO_PROXY": str(urlsplit(self._endpoint_url).hostname),
        }

    def list_profiles(self) -> list[str]:
        """Return the names of the profiles in the AWS configuration."""
        return list(self._boto_session.available_profiles)

    def list_regions(self) -> list[dict[str, Any]]:
        """Return the regions that are enabled for the account."""
        region = self.region or "us-east-1"
        return list(self.query("ec2", "describe_regions", region=region)["Regions"])

    def check_region(self, region: str) -> None:
        """Raise NoRegion if the region is not enabled for the account."""
        known = {str(each["RegionName"]) for each in self.list_regions()}
        if region not in known:
            raise NoRegion(
                f"Region '{region}' is not available in this account.",
                fix=f"Use one of: {', '.join(sorted(known))}",
            )

    def _note(
        self, service: str, call: str, region: str | None, parameters: Mapping[str, Any]
    ) -> None:
        for recording in _recordings:
            recording.append(Query(service, call, region or self.region or "", parameters))

    def _retry_throttled(self, work: Callable[[], Any]) -> Any:
        """Return the result of a call, which is repeated with backoff if AWS throttles it.

        botocore's retries cannot do this for a change: they also repeat a request that AWS did not
        answer, and so could carry it out twice.
        """
        for seconds in _BACKOFF_SECONDS:
            try:
                with map_boto_errors(self.profile):
                    return work()
            except TooManyRequests:
                time.sleep(seconds)
            except NoCredentials:
                # A session that has expired is opened again by the next magic.
                _open.cache_clear()
                raise
        with map_boto_errors(self.profile):
            return work()

    def _client(self, service: str, region: str | None, *, once: bool = False) -> Any:
        key = (service, region, once)
        # Creating clients is not thread-safe in a boto3 session.
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._create_client(service, region, _make_config(once=once))
            return self._clients[key]

    def _create_client(self, service: str, region: str | None, config: Any) -> Any:
        from botocore.config import Config

        options: dict[str, Any] = {}
        if self._endpoint_url:
            # What the environment says of proxies and endpoints is for AWS, not for this one.
            own = Config(proxies={}, use_fips_endpoint=False, use_dualstack_endpoint=False)
            config = config.merge(own)
            options["endpoint_url"] = self._endpoint_url
        with map_boto_errors(self.profile):
            return self._boto_session.client(service, region_name=region, config=config, **options)


def _make_config(*, once: bool) -> Any:
    from botocore.config import Config

    retries: Any = {"mode": "standard", "total_max_attempts": 1 if once else _ATTEMPTS}
    return Config(connect_timeout=_CONNECT_SECONDS, read_timeout=_READ_SECONDS, retries=retries)


def _unless(codes: tuple[str, ...], call: Callable[..., Any], parameters: dict[str, Any]) -> Any:
    from botocore.exceptions import ClientError

    try:
        return call(**parameters)
    except ClientError as error:
        if error.response["Error"]["Code"] in codes:
            return None
        raise


@lru_cache(maxsize=_SESSIONS)
def _open(profile: AwsProfile, cache_key: tuple[object, ...]) -> AwsSession:  # noqa: ARG001
    return AwsSession(profile)


def _create_boto_session(profile: AwsProfile) -> tuple[Any, str | None]:
    """Return the session of boto3, and the endpoint of a profile with its own configuration."""
    import boto3

    session = credentials.open_botocore(profile)
    # The API models are the same for all profiles: they are read once per process.
    loader = api_models.make_loader(session.get_config_variable("data_path"))
    session.register_component("data_loader", loader)
    endpoint = session.get_scoped_config().get("endpoint_url") if profile.config_file else None
    return boto3.Session(botocore_session=session, region_name=profile.named_region), endpoint
