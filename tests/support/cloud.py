"""A practice cloud for a test, and a shell with the magics for instances."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dl_magics import practice
from dl_magics.actions.aws import context, selection
from dl_magics.aws.pricing import prices
from dl_magics.store import state
from support import code_coverage
from support.hosts import restored

OURS = "198.51.100.7"
IMAGE = "ami-0d1ea5e5c10bd5a11"
"""The Deep Learning AMI of the practice cloud."""


class AddressService:
    """Tells `address`, as https://checkip.amazonaws.com does."""

    def __init__(self) -> None:
        self.address = OURS
        told = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(f"{told.address}\n".encode())

            def log_message(self, *words: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture(scope="session")
def address_service() -> Iterator[AddressService]:
    service = AddressService()
    threading.Thread(target=service.server.serve_forever, daemon=True).start()
    yield service
    service.server.shutdown()
    service.server.server_close()


@pytest.fixture
def address(address_service: AddressService) -> AddressService:
    address_service.address = OURS
    return address_service


@pytest.fixture(scope="session")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[practice.PracticeCloud]:
    with code_coverage.unmeasured():
        running = practice.start_cloud(
            tmp_path_factory.mktemp("practice"), delay=0.1, boot=0, tied=True
        )
    yield running
    practice.stop_cloud(running.folder)


@pytest.fixture
def cloud_with_hosts(
    running_cloud: practice.PracticeCloud, address: AddressService
) -> Iterator[practice.PracticeCloud]:
    """The practice cloud, chosen as `%practice on` chooses it, and empty."""
    # All tests share the door to it, but none knows what the price list refused another one.
    prices._failed_at.clear()
    choose_practice(running_cloud, address_url=address.url)
    _terminate_all()  # what a file with instances of its own has left
    yield running_cloud
    # A fault that a test did not use up would meet another one.
    running_cloud.clear_faults()
    choose_practice(running_cloud)
    _terminate_all()


def _terminate_all() -> None:
    # Past our own code, which would add what another test has rented to the bill of this one.
    session = context.load().session
    reservations, _ = session.query_pages("ec2", "describe_instances", "Reservations")
    left = [
        each["InstanceId"]
        for reservation in reservations
        for each in reservation["Instances"]
        if each["State"]["Name"] not in ("shutting-down", "terminated")
    ]
    if left:
        # A persistent request would launch another instance, in the next test.
        asked = session.query("ec2", "describe_spot_instance_requests")["SpotInstanceRequests"]
        if ids := [each["SpotInstanceRequestId"] for each in asked]:
            session.change_ec2("cancel_spot_instance_requests", SpotInstanceRequestIds=ids)
        session.change_ec2("terminate_instances", InstanceIds=left)


@pytest.fixture
def cloud(cloud_with_hosts: practice.PracticeCloud) -> practice.PracticeCloud:
    """What tests rent from; a folder may put an account in this process in its place."""
    return cloud_with_hosts


def choose_practice(running: practice.PracticeCloud, **changes: str) -> None:
    files = practice.ensure_profile(running.folder)
    settings = state.ProfileSettings(
        profile=files.name,
        region=files.region,
        config_file=str(files.config_file),
        credentials_file=str(files.credentials_file),
        ssh_config=str(files.ssh_config),
    )
    selection.update(lambda before: replace(before, profile=replace(settings, **changes)))


@pytest.fixture
def rent(cloud: practice.PracticeCloud) -> Callable[..., str]:
    """Launch an instance past our own code, as the AWS console would; return its id."""

    def launched(
        type_: str = "t2.micro", name: str = "gpu", *, state: str = "running", **more: Any
    ) -> str:
        tags = [{"ResourceType": "instance", "Tags": [{"Key": "Name", "Value": name}]}]
        context.load().session.change_ec2(
            "create_key_pair",
            unless=("InvalidKeyPair.Duplicate",),
            KeyName="other",
            KeyType="ed25519",
        )
        answer = context.load().session.change_ec2(
            "run_instances",
            KeyName="other",
            ImageId=IMAGE,
            InstanceType=type_,
            MinCount=1,
            MaxCount=1,
            TagSpecifications=tags,
            **more,
        )
        made = context.load().ec2.describe_instance(answer["Instances"][0]["InstanceId"])
        list(context.load().ec2.start(made))
        if state == "stopped":
            list(context.load().ec2.stop(context.load().ec2.describe_instance(made.id)))
        return made.id

    return launched


@pytest.fixture
def aws_shell() -> Iterator[InteractiveShell]:
    yield _make_aws_shell()
    InteractiveShell.clear_instance()


def _make_aws_shell() -> InteractiveShell:
    from dl_magics.magics import aws
    from dl_magics.magics.practice import PracticeMagics

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    for magics in (*aws.ALL, PracticeMagics):
        shell.register_magics(magics)
    return shell


@pytest.fixture
def run(aws_shell: InteractiveShell) -> Callable[[str], Any]:
    return make_runner(aws_shell)


def make_runner(shell: InteractiveShell) -> Callable[[str], Any]:
    """Return what runs one line as a cell: it returns its value and raises its error."""

    def ran(line: str) -> Any:
        done = shell.run_cell(line, store_history=False)
        done.raise_error()
        return done.result

    return ran


@dataclass(frozen=True)
class Rented:
    """Our folder, in which an instance is selected, and the folder of that instance."""

    ours: Path
    instance: Path

    @property
    def home(self) -> Path:
        return self.instance / "home"


@pytest.fixture(scope="module")
def rented_once(
    tmp_path_factory: pytest.TempPathFactory, running_cloud: practice.PracticeCloud
) -> Iterator[Rented]:
    """An instance for all tests of a file: to launch one and connect takes a second.

    A test with `cloud` in the same file would terminate it.
    """
    ours = tmp_path_factory.mktemp("rented")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DL_MAGICS_HOME", str(ours))
        choose_practice(running_cloud, address_url="")
        state.update(lambda before: replace(before, allow_from=(f"{OURS}/32",)))
        run = make_runner(_make_aws_shell())
        id_ = run("%aws_launch t2.micro -y").id
        yield Rented(ours, running_cloud.folder / "instances" / id_)
        run("%aws_terminate -f")
    InteractiveShell.clear_instance()


@pytest.fixture
def rented(rented_once: Rented, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rented]:
    """The instance; what a test leaves in its home or changes of its commands is undone."""
    monkeypatch.setenv("DL_MAGICS_HOME", str(rented_once.ours))
    with restored(rented_once.home), restored(rented_once.instance / "bin"):
        yield rented_once


def start_in_second_kernel(line: str) -> subprocess.Popen[str]:
    """Run a line in a second kernel at the same time; return the process."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "from dl_magics.magics import aws\n"
        f"s = S.instance(); s.register_magics(*aws.ALL); r = s.run_cell({line!r})\n"
        "raise SystemExit(0 if r.success else 1)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
