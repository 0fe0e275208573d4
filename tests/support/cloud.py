"""A practice cloud for a test, and a shell with the magics for instances."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dl_magics import practice
from dl_magics.actions.aws import context, selection
from dl_magics.aws.pricing import prices
from dl_magics.store import state

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
    yield running_cloud
    # A fault that a test did not use up would meet another one.
    running_cloud.clear_faults()
    choose_practice(running_cloud)
    left = [each.id for each in context.load().ec2.list_instances() if not each.gone]
    if left:
        context.load().session.change_ec2("terminate_instances", InstanceIds=left)


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
    from dl_magics.magics import aws
    from dl_magics.magics.practice import PracticeMagics

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    for magics in (*aws.ALL, PracticeMagics):
        shell.register_magics(magics)
    yield shell
    InteractiveShell.clear_instance()


@pytest.fixture
def run(aws_shell: InteractiveShell) -> Callable[[str], Any]:
    """Run one line as a cell; return its value, raise its error."""

    def ran(line: str) -> Any:
        done = aws_shell.run_cell(line, store_history=False)
        done.raise_error()
        return done.result

    return ran


def start_in_second_kernel(line: str) -> subprocess.Popen[str]:
    """Run a line in a second kernel at the same time; return the process."""
    code = (
        "from IPython.core.interactiveshell import InteractiveShell as S\n"
        "from dl_magics.magics import aws\n"
        f"s = S.instance(); s.register_magics(*aws.ALL); r = s.run_cell({line!r})\n"
        "raise SystemExit(0 if r.success else 1)"
    )
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
