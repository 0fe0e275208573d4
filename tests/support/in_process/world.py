"""AWS accounts in this process: boto3's requests reach the practice cloud's API without a network.

The API is that of the practice cloud, with its signatures, rules and errors. What is outside of it
is replaced: the network, the processes of the hosts, the file that keeps its state.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from moto import backends
from moto.core import responses
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.ec2.models import amis

from dl_magics.practice.ec2 import api, images, state
from dl_magics.practice.ec2.faults.table import FAULTS
from dl_magics.practice.ec2.http import ApiCall
from dl_magics.practice.ec2.signature import AccessKey
from dl_magics.practice.ec2.wsgi import PracticeApp
from dl_magics.practice.last_use import LastUse
from support.ec2_client import ONE_TRY, open_session

# Of networks and images, which no magic changes.
SETTLED = ("DescribeImages", "DescribeSubnets", "DescribeVpcs")
MODULES = tuple(backends.list_of_moto_modules())
METHOD_NAMES = responses.method_names_from_class
# What a fault closes: a mock of its own for each request takes as long as a tenth of the request.
_SOCKET = mock.Mock(spec=["shutdown"])
SAVE, SEND = state.Ec2State.save, URLLib3Session.send
KEY = AccessKey("AKIA0000000000000000", "secret")


# The status line, the headers and the body.
Answer = tuple[str, list[tuple[str, str]], bytes]


class NoHosts:
    """The hosts of instances that no test logs in to: they have no processes."""

    def __init__(self, *_: Any) -> None:
        self._booted: set[str] = set()
        self.processes: dict[str, int] = {}
        """What a test started in the place of a host."""

    def boot(self, spec: Any, *, extra_seconds: float = 0) -> None:
        self._booted.add(spec.id)

    def power_off(self, instance_id: str) -> None:
        pass

    def find_processes(self) -> dict[str, int]:
        return dict(self.processes)

    def is_running(self, instance_id: str) -> bool:
        return False

    def has_booted(self, instance_id: str) -> bool:
        return instance_id in self._booted

    def delete(self, instance_id: str) -> None:
        pass


@dataclass
class Account:
    """One AWS account: its id, the API that its endpoint URL leads to, the calls it received."""

    id: str
    port: int
    api: api.Ec2Api
    app: PracticeApp
    calls: list[ApiCall] = field(default_factory=list)
    unanswered: set[str] = field(default_factory=set)
    """Operations that are carried out, but whose answer is lost."""
    edits: dict[str, Callable[[bytes], bytes]] = field(default_factory=dict)
    """What changes the answers of an operation, where moto cannot do what AWS does."""
    settled: dict[tuple[str, bytes], Answer] | None = None
    """Answers about networks and images, to be given again: moto takes long to write them."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str = "ec2", region: str = "us-east-1") -> Any:
        """Return a client of this account; boto3 takes long to make one."""
        return _make_client(service, region, self.url)

    def launch(
        self,
        type_: str = "t2.micro",
        *,
        image: str = str(images.DEEP_LEARNING_IMAGE["ami_id"]),
        state: str = "running",
        region: str = "us-east-1",
        **more: Any,
    ) -> str:
        """Launch an instance as the AWS console does; return its id."""
        ec2 = self.client(region=region)
        asked = {"ImageId": image, "InstanceType": type_, "MinCount": 1, "MaxCount": 1, **more}
        id_ = str(ec2.run_instances(**asked)["Instances"][0]["InstanceId"])
        ec2.describe_instances()
        if state == "stopped":
            ec2.stop_instances(InstanceIds=[id_])
        return id_

    def launch_unasked(self, type_: str, *, region: str, tags: dict[str, str]) -> None:
        """Launch an instance without a request, which costs a third: moto writes no answer."""
        self.api.state.region_backend(region).run_instances(
            str(images.DEEP_LEARNING_IMAGE["ami_id"]),
            1,
            None,
            [],
            instance_type=type_,
            is_instance_type_default=False,
            region_name=region,
            key_name=None,
            tags={"instance": tags},
        )
        self.api.lifecycle.adopt_new_instances()

    def inject_fault(self, name: str, **aim: Any) -> None:
        """Inject a fault into the next call that it affects."""
        self.api.inject_fault(replace(FAULTS[name], **aim))

    def clear_faults(self) -> None:
        """Remove all faults that have not occurred yet."""
        self.api.faults.clear()

    def respond(self, request: AWSPreparedRequest) -> AWSResponse:
        """Return the response to a request of boto3."""
        environ = self._environ(request)
        call = ApiCall.from_environ({**environ, "wsgi.input": _copy(environ)})
        self.calls.append(call)
        try:
            status, headers, body = self._answer(environ, call)
        except ConnectionResetError as error:
            raise ConnectionClosedError(endpoint_url=self.url) from error
        if call.action in self.unanswered:
            raise ConnectionClosedError(endpoint_url=self.url)
        if edit := self.edits.get(call.action):
            body = edit(body)
        response = AWSResponse(
            request.url,
            int(status[:3]),
            {**dict(headers), "date": formatdate(usegmt=True)},
            io.BytesIO(body),
        )
        response._content = body
        return response

    def _answer(self, environ: dict[str, Any], call: ApiCall) -> Answer:
        known = (call.region, call.body)
        if self.settled is not None and known in self.settled:
            return self.settled[known]
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        body = b"".join(self.app(environ, lambda *answer: begun.append(answer[:2])))
        if self.settled is not None and call.action in SETTLED:
            self.settled[known] = (*begun[-1], body)
        return (*begun[-1], body)

    def _environ(self, request: AWSPreparedRequest) -> dict[str, Any]:
        body = request.body or b""
        if isinstance(body, str):
            body = body.encode()
        parts = urlsplit(request.url)
        headers = {
            name.replace("-", "_").upper(): value.decode() if isinstance(value, bytes) else value
            for name, value in request.headers.items()
        }
        return {
            **{f"HTTP_{name}": value for name, value in headers.items()},
            "CONTENT_TYPE": headers.get("CONTENT_TYPE", ""),
            "CONTENT_LENGTH": str(len(body)),
            "REQUEST_METHOD": request.method,
            "PATH_INFO": unquote(parts.path or "/", encoding="latin1"),
            "QUERY_STRING": parts.query,
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": str(self.port),
            "HTTP_HOST": parts.netloc,
            "wsgi.input": io.BytesIO(body),
            "wsgi.url_scheme": "http",
            "werkzeug.socket": _SOCKET,
        }


def _copy(environ: dict[str, Any]) -> io.BytesIO:
    """Return the body of a request again: it can be read once."""
    body: bytes = environ["wsgi.input"].getvalue()
    return io.BytesIO(body)


@lru_cache
def _make_client(service: str, region: str, url: str) -> Any:
    return open_session(KEY.id, KEY.secret, region_name=region).client(
        service, endpoint_url=url, config=ONE_TRY
    )


@contextmanager
def patched_aws() -> Iterator[dict[int, Account]]:
    """Let boto3 reach the accounts that are put into a dict, by the port of their endpoint URL.

    Other ports are reached through the network.
    """
    accounts: dict[int, Account] = {}

    def send(session: URLLib3Session, request: AWSPreparedRequest) -> AWSResponse:
        account = accounts.get(urlsplit(request.url).port or 0)
        return account.respond(request) if account else SEND(session, request)

    with (
        mock.patch.object(URLLib3Session, "send", send),
        mock.patch.object(api, "Hosts", NoHosts),
        mock.patch.object(state.Ec2State, "save"),
        # moto looks both up again at each request.
        mock.patch.object(backends, "list_of_moto_modules", return_value=MODULES),
        mock.patch.object(responses, "method_names_from_class", lru_cache(METHOD_NAMES)),
        # moto makes the volumes of each of its thousand images in each region.
        mock.patch.dict(os.environ, MOTO_AMIS_PATH="of the fixture"),
        mock.patch.object(amis, "AMIS", [*images.IMAGES, *_old_images()]),
    ):
        yield accounts


def _old_images() -> list[dict[str, Any]]:
    """Return moto's images for a Linux without the Elastic Network Adapter."""
    return [each for each in amis.AMIS if "trusty" in each["name"]]


def open_account(
    folder: Path,
    port: int,
    *,
    id_: str = DEFAULT_ACCOUNT_ID,
    delay: float = 0,
    alarm_minute: float = 60.0,
) -> Account:
    """Return the account that was saved in the folder, or an empty one.

    Instances are so many seconds in a transient state; a minute of CloudWatch has some, too.
    """
    url = f"http://127.0.0.1:{port}"
    made = api.Ec2Api(folder, url, KEY, delay, 0, alarm_minute=alarm_minute, account=id_)
    return Account(id_, port, made, PracticeApp(made, "", LastUse(list, 0), lambda: None))


def reopen_account(folder: Path, before: Account) -> Account:
    """Return an account that is empty again. Its networks stay: moto takes long to make them."""
    _empty(before)
    account = replace(
        open_account(folder, before.port, id_=before.id), settled=before.settled or {}
    )
    account.api.state.app = before.api.state.app
    return account


def _empty(account: Account) -> None:
    for backend in backends.get_backend("ec2")[account.id].values():
        made = (backend.reservations, backend.key_pairs, backend.volumes, backend.enis)
        for each in (*made, backend.addresses, backend.tags):
            each.clear()
        for groups in backend.groups.values():
            for id_ in [id_ for id_, group in groups.items() if group.name != "default"]:
                del groups[id_]


def save_account(account: Account) -> None:
    """Write what exists in an account, as the practice cloud does after each change."""
    SAVE(account.api.state, "us-east-1")


def close_account(account: Account) -> None:
    """Forget what moto keeps of an account."""
    for service in ("ec2", "iam", "cloudwatch", "sts", "ssm"):
        backends.get_backend(service).pop(account.id, None)  # type: ignore[call-overload]
