"""Random histories: two kernels, two accounts, three regions, and what others do meanwhile.

What must hold in each: nothing that dl_magics did not launch is stopped, resized, started or
terminated unless its full name or id was typed, and nothing is rented twice.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from dl_magics.actions.aws import selection
from dl_magics.actions.aws.guard import records
from dl_magics.aws import ec2
from dl_magics.aws.billing import usage
from dl_magics.errors import DLMagicsError
from dl_magics.practice.ec2 import catalog
from dl_magics.ssh import ssh_config
from dl_magics.store import paths, state
from support.in_process import world
from support.in_process.fixtures import write_profile
from support.in_process.ssh import patched_ssh
from support.in_process.world import Account

PORTS = {"mine": 20011, "shared": 20012}
REGIONS = ("us-east-1", "us-west-2", "eu-west-1")
NAMES = ("gpu", "thesis", "gpu-2")
TYPES = ("t2.micro", "g4dn.xlarge")
NAMING = ("aws_stop", "aws_start", "aws_terminate", "aws_resize")
STEPS = 3
CHANGING = ("StartInstances", "StopInstances", "TerminateInstances", "ModifyInstanceAttribute")
FINISHED = "terminated"


@dataclass
class Kernel:
    """What one kernel keeps in its memory, and the ids of what was selected by its full name."""

    held: dict[Path, state.State] = field(default_factory=dict)
    named: set[str] = field(default_factory=set)


@dataclass
class Stage:
    """What all histories share: the shell, the folder of the AWS configuration, the accounts."""

    run_magic: Callable[[str, str], Any]
    folder: Path
    accounts: dict[int, Account]
    histories: int = 0

    def account(self, profile: str) -> Account:
        return self.accounts[PORTS[profile]]


stage: Stage


class History(RuleBasedStateMachine):
    """One history; each rule is one thing that somebody does."""

    def __init__(self) -> None:
        super().__init__()
        stage.histories += 1
        for port in PORTS.values():
            before = stage.accounts.get(port) or world.open_account(
                stage.folder, port, id_=f"{port:012d}"
            )
            stage.accounts[port] = world.reopen_account(stage.folder, before)
        # What is known of the instances of earlier histories would be read and written each time.
        for name in (
            *("state.json", "ledger.jsonl", "known_hosts"),
            *(usage.FILE_NAME, records.FILE_NAME),
        ):
            (paths.data_folder() / name).unlink(missing_ok=True)
        self.kernels = (Kernel(), Kernel())
        self.launched: set[str] = set()
        self.lost: dict[str, str] = {}
        for kernel, profile in zip(self.kernels, PORTS, strict=True):
            self._select_profile(kernel, profile)

    def _select_profile(self, kernel: Kernel, profile: str) -> None:
        chosen = write_profile(stage.folder, stage.account(profile), profile)
        folder = paths.data_folder()
        kernel.held[folder] = replace(kernel.held.get(folder, state.State()), profile=chosen)

    @initialize(
        others=st.lists(
            st.tuples(st.sampled_from(tuple(PORTS)), st.sampled_from(NAMES)), max_size=1
        ),
        ours=st.sampled_from(((), (), (), ((0, "gpu"),))),
    )
    def there_are_instances(
        self, others: list[tuple[str, str]], ours: tuple[tuple[int, str], ...]
    ) -> None:
        for profile, name in others:
            self._launch_by_hand(profile, REGIONS[0], name)
        for kernel, name in ours:
            self._run(self.kernels[kernel], "aws_launch", f"{TYPES[1]} --name {name} -y", "")

    @rule(
        kernel=st.integers(0, 1),
        magic=st.sampled_from(NAMING),
        how=st.sampled_from(("", "name", "id", "part", "type", "GPU")),
        selects=st.booleans(),
        type_=st.sampled_from(TYPES),
        at=st.integers(0, 9),
    )
    def a_magic_names_an_instance(
        self, kernel: int, magic: str, how: str, selects: bool, type_: str, at: int
    ) -> None:
        """Name an instance in the line of a magic, or in %aws_get before it, or not at all."""
        word = self._choose_word(self.kernels[kernel], how, at)
        if selects and word:
            self._run(self.kernels[kernel], "aws_get", word, word)
            word = ""
        words = [type_, word] if magic == "aws_resize" else [word]
        options = {"aws_terminate": "-f", "aws_start": "-y", "aws_resize": "-y"}.get(magic, "")
        self._run(self.kernels[kernel], magic, " ".join([*words, options]), word)

    @rule(
        kernel=st.integers(0, 1),
        name=st.sampled_from(NAMES[:2]),
        type_=st.sampled_from(TYPES),
        more=st.sampled_from(("", "--disk 120", "--zone us-east-1b")),
        is_lost=st.booleans(),
    )
    def a_magic_launches(
        self, kernel: int, name: str, type_: str, more: str, is_lost: bool
    ) -> None:
        for account in stage.accounts.values():
            account.unanswered = {"RunInstances"} if is_lost else set()
        self._run(self.kernels[kernel], "aws_launch", f"{type_} --name {name} {more} -y", "")
        for account in stage.accounts.values():
            account.unanswered = set()

    @rule(
        kernel=st.integers(0, 1),
        region=st.sampled_from((None, *REGIONS)),
        profile=st.sampled_from(tuple(PORTS)),
        cleanup=st.sampled_from(("", "", "", "-f", "-f --everywhere")),
    )
    def a_kernel_moves_or_cleans_up(
        self, kernel: int, region: str | None, profile: str, cleanup: str
    ) -> None:
        if cleanup:
            self._run(self.kernels[kernel], "aws_cleanup", cleanup, "")
        elif region:
            self._run(self.kernels[kernel], "aws_region", region, "")
        else:
            self._select_profile(self.kernels[kernel], profile)

    @rule(
        what=st.sampled_from(("launch", "rename", "copy tags", "launch more", "terminate")),
        at=st.integers(0, 9),
        to=st.integers(0, 9),
        profile=st.sampled_from(tuple(PORTS)),
        region=st.sampled_from(REGIONS[:2]),
        name=st.sampled_from(NAMES),
    )
    def somebody_else_acts(
        self, what: str, at: int, to: int, profile: str, region: str, name: str
    ) -> None:
        each, other = self._choose(at), self._choose(to)
        if what == "launch" or each is None or other is None:
            self._launch_by_hand(profile, region, name)
            return
        ec2, id_ = self._ec2_of(each), each["InstanceId"]
        if what == "rename":
            ec2.create_tags(Resources=[id_], Tags=[{"Key": "Name", "Value": name}])
        elif what == "copy tags" and other["Tags"]:
            ec2.create_tags(Resources=[id_], Tags=other["Tags"])
        elif what == "launch more":
            stage.account(each["profile"]).inject_fault("launch-more-like-this", instance=id_)
        elif what == "terminate":
            ec2.terminate_instances(InstanceIds=[id_])

    def _launch_by_hand(self, profile: str, region: str, name: str) -> None:
        account = stage.account(profile)
        account.launch_unasked(TYPES[1], region=region, tags={"Name": name})

    def _run(self, kernel: Kernel, magic: str, line: str, word: str) -> None:
        """Run a magic in a kernel, and check each request that changes an instance."""
        before = {each["InstanceId"]: each for each in self._instances()}
        for account in stage.accounts.values():
            account.calls.clear()
        shown = io.StringIO()
        with mock.patch.object(selection, "_held", kernel.held):
            try:
                with contextlib.redirect_stdout(shown):
                    print(repr(stage.run_magic(magic, line)))
            except DLMagicsError as error:
                shown.write(f"{error} {error.fix}")
        typed = {id_ for id_, each in before.items() if word and word in (id_, _name(each))}
        if magic == "aws_get":
            kernel.named |= typed
        self._check_changes(typed | kernel.named if not word else typed, f"%{magic} {line}")
        self._check_launches(before, shown.getvalue(), f"%{magic} {line}")

    def _check_changes(self, allowed: set[str], line: str) -> None:
        for account in stage.accounts.values():
            for call in account.calls:
                if call.action in CHANGING:
                    for id_ in call.list_parameter("InstanceId"):
                        assert id_ in self.launched | allowed, f"{line} sent {call.action} to {id_}"

    def _check_launches(self, before: dict[str, Any], shown: str, line: str) -> None:
        new = [each for each in self._instances() if each["InstanceId"] not in before]
        assert len(new) <= 1, f"{line} launched {len(new)} instances"
        for each in new:
            same = [
                other
                for other in before.values()
                if other["InstanceId"] in self.launched
                and _alive(other)
                and (_name(other), _place(other)) == (_name(each), _place(each))
            ]
            assert not same, f"{line} launched {_name(each)} a second time"
            forgotten = {
                id_
                for id_, profile in self.lost.items()
                if profile == each["profile"] and id_ in before and _alive(before[id_])
            }
            assert not forgotten, f"{line} launched another beside {forgotten}, which it lost"
            self.launched.add(each["InstanceId"])
            if stage.account(each["profile"]).unanswered:
                self.lost[each["InstanceId"]] = each["profile"]
        for id_ in list(self.lost):
            if id_ in shown:
                del self.lost[id_]

    def _choose_word(self, kernel: Kernel, how: str, at: int) -> str:
        """Return what is typed for an instance of the place of a kernel, or of any place."""
        profile = kernel.held[paths.data_folder()].profile
        place = (profile.profile, profile.region)
        everything = [each for each in self._instances() if _alive(each)]
        here = [each for each in everything if _place(each) == place] or everything
        if not how or not here:
            return ""
        each = here[at % len(here)]
        words = {"name": _name(each), "id": each["InstanceId"], "type": each["InstanceType"]}
        return words.get(how) or {"part": _name(each)[:3], "GPU": "T4"}[how]

    def _instances(self) -> Iterator[dict[str, Any]]:
        for profile in PORTS:
            for region in REGIONS:
                for each in _describe(stage.account(profile), region):
                    yield {**each, "profile": profile}

    def _choose(self, at: int) -> dict[str, Any] | None:
        alive = sorted(filter(_alive, self._instances()), key=lambda each: str(each["LaunchTime"]))
        return alive[at % len(alive)] if alive else None

    def _ec2_of(self, each: dict[str, Any]) -> Any:
        return self._ec2(each["profile"], each["Placement"]["AvailabilityZone"][:-1])

    def _ec2(self, profile: str, region: str) -> Any:
        return stage.account(profile).client(region=region)


def _describe(account: Account, region: str) -> list[dict[str, Any]]:
    """Return the instances of a region as moto has them: without a request."""
    if account.api.state.is_unused(region):
        return []
    return [
        {
            "InstanceId": each.id,
            "InstanceType": each.instance_type,
            "State": {"Name": each.state},
            "LaunchTime": each.launch_time,
            "Placement": {"AvailabilityZone": each.availability_zone},
            "Tags": [{"Key": tag["key"], "Value": tag["value"]} for tag in each.get_tags()],
        }
        for each in account.api.state.region_backend(region).all_instances()
    ]


def _name(each: dict[str, Any]) -> str:
    return next((tag["Value"] for tag in each["Tags"] if tag["Key"] == "Name"), "")


def _place(each: dict[str, Any]) -> tuple[str, str]:
    return each["profile"], each["Placement"]["AvailabilityZone"][:-1]


def _alive(each: dict[str, Any]) -> bool:
    return each["State"]["Name"] not in ("shutting-down", FINISHED)


@contextlib.contextmanager
def prepared_stage(run_magic: Callable[[str, str], Any], folder: Path) -> Iterator[Stage]:
    """Prepare what all histories share. The shell must have the magics for AWS."""
    global stage
    with (
        world.patched_aws() as accounts,
        patched_ssh(),
        mock.patch.object(ec2.time, "sleep"),
        mock.patch.object(catalog, "ENABLED_REGIONS", REGIONS),
        mock.patch.object(os, "fsync"),
        # Without OpenSSH the files are read in this process.
        mock.patch.object(ssh_config.shutil, "which", return_value=None),
    ):
        stage = Stage(run_magic, folder, accounts)
        yield stage


def run_histories(count: int, *, seed_: int = 0) -> None:
    """Run so many random histories; a seed makes the same ones each time."""
    run_state_machine_as_test(
        seed(seed_)(type("History", (History,), {})),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )
