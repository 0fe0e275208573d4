"""Random sequences of magics, faults and changes from elsewhere: magics show the state of EC2."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dl_magics import practice
from dl_magics.actions.aws import context
from dl_magics.errors import DLMagicsError
from dl_magics.practice import FAULTS

CALL_FAULTS = [
    name for name, fault in FAULTS.items() if fault.kind in ("error", "reset", "garbage")
]


@pytest.fixture(scope="module")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[practice.PracticeCloud]:
    """A practice cloud for this module: unused faults would affect other tests."""
    running = practice.start_cloud(tmp_path_factory.mktemp("practice"), delay=0.1, boot=0)
    yield running
    practice.stop_cloud(running.folder)


def test_the_magics_show_the_state_of_ec2(cloud, aws_shell):
    class RandomSequence(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self._run_line("%aws_launch t2.micro -y")

        def teardown(self) -> None:
            # One that waits for another operation would meet the end of the test.
            cloud.clear_faults()

        def _run_line(self, line: str) -> None:
            done = aws_shell.run_cell(line, store_history=False)
            error = done.error_in_exec or done.error_before_exec
            assert error is None or isinstance(error, DLMagicsError), repr(error)

        def _read_ec2(self) -> dict[str, tuple[str, str]]:
            answer = context.load().session.query("ec2", "describe_instances")
            return {
                each["InstanceId"]: (each["State"]["Name"], each["InstanceType"])
                for reservation in answer["Reservations"]
                for each in reservation["Instances"]
            }

        def _list_existing(self) -> list[str]:
            return [
                id_
                for id_, (state, _) in self._read_ec2().items()
                if state not in ("shutting-down", "terminated")
            ]

        @rule(
            line=st.sampled_from(
                [
                    "%aws_start -y",
                    "%aws_stop",
                    "%aws_resize t2.large -y",
                    "%aws_resize t2.micro -y",
                    "%aws_launch t2.micro -y",
                    "%aws_launch t2.large -y",
                    "%aws_get gpu",
                ]
            )
        )
        def run_magic(self, line: str) -> None:
            self._run_line(line)

        @rule(
            name=st.sampled_from(CALL_FAULTS),
            line=st.sampled_from(["start -y", "stop", "state"]),
        )
        def run_magic_with_fault(self, name: str, line: str) -> None:
            cloud.inject_fault(name)
            self._run_line(f"%aws_{line}")

        @precondition(lambda self: self._list_existing())
        @rule(call=st.sampled_from(["stop_instances", "start_instances", "terminate_instances"]))
        def change_from_elsewhere(self, call: str) -> None:
            try:
                context.load().session.change_ec2(call, InstanceIds=self._list_existing())
            except DLMagicsError:
                return

        @invariant()
        def at_most_one_instance_exists(self) -> None:
            assert len(self._list_existing()) <= 1

        @invariant()
        def the_list_matches_ec2(self) -> None:
            before = self._read_ec2()
            done = aws_shell.run_cell("%aws_list", store_history=False)
            after = self._read_ec2()
            shown = {each.id: (each.state, each.type) for each in done.result or []}
            for id_, facts in shown.items():
                assert facts in (before[id_], after[id_])
            if done.success:
                assert set(before) <= set(shown) <= set(after)

    many = int(os.environ.get("DL_MAGICS_SEQUENCES", "3"))
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    RandomSequence.TestCase.settings = settings(
        max_examples=many, stateful_step_count=8, deadline=None, suppress_health_check=checks
    )
    RandomSequence.TestCase("runTest").runTest()
