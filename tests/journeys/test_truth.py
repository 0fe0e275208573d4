"""Random sequences of magics, faults and changes from outside: what we show is what EC2 has."""

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
from support.coverage_off import starting_unmeasured

STRIKES = [name for name, fault in FAULTS.items() if fault.kind in ("error", "reset", "garbage")]


@pytest.fixture(scope="module")
def running_cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[practice.PracticeCloud]:
    """One of its own: faults that struck nobody would strike the next test."""
    with starting_unmeasured():
        running = practice.start_cloud(tmp_path_factory.mktemp("practice"), delay=0.1, boot=0)
    yield running
    practice.stop_cloud(running.folder)


def test_what_we_show_is_what_ec2_has(cloud, aws_shell):
    class Truth(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self._line("%aws_launch t2.micro -y")

        def _line(self, line: str) -> None:
            done = aws_shell.run_cell(line, store_history=False)
            error = done.error_in_exec or done.error_before_exec
            assert error is None or isinstance(error, DLMagicsError), repr(error)

        def _in_ec2(self) -> dict[str, tuple[str, str]]:
            answer = context.door().ask("ec2", "describe_instances")
            return {
                each["InstanceId"]: (each["State"]["Name"], each["InstanceType"])
                for reservation in answer["Reservations"]
                for each in reservation["Instances"]
            }

        def _alive(self) -> list[str]:
            return [
                id_
                for id_, (state, _) in self._in_ec2().items()
                if state not in ("shutting-down", "terminated")
            ]

        @rule(
            line=st.sampled_from(
                [
                    "%aws_start",
                    "%aws_stop",
                    "%aws_resize t2.large -y",
                    "%aws_resize t2.micro -y",
                    "%aws_launch t2.micro -y",
                    "%aws_launch t2.large -y",
                    "%aws_get gpu",
                ]
            )
        )
        def magic(self, line: str) -> None:
            self._line(line)

        @rule(name=st.sampled_from(STRIKES), line=st.sampled_from(["start", "stop", "state"]))
        def struck_magic(self, name: str, line: str) -> None:
            cloud.inject_fault(name)
            self._line(f"%aws_{line}")

        @precondition(lambda self: self._alive())
        @rule(call=st.sampled_from(["stop_instances", "start_instances", "terminate_instances"]))
        def somebody_else(self, call: str) -> None:
            try:
                context.door().tell(call, InstanceIds=self._alive())
            except DLMagicsError:
                return

        @invariant()
        def nothing_is_launched_twice(self) -> None:
            assert len(self._alive()) <= 1

        @invariant()
        def the_list_is_what_ec2_has(self) -> None:
            before = self._in_ec2()
            done = aws_shell.run_cell("%aws_list", store_history=False)
            after = self._in_ec2()
            shown = {each.id: (each.state, each.type) for each in done.result or []}
            for id_, facts in shown.items():
                assert facts in (before[id_], after[id_])
            if done.success:
                assert set(before) <= set(shown) <= set(after)

    many = int(os.environ.get("DL_MAGICS_TRUTH_EXAMPLES", "3"))
    checks = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    Truth.TestCase.settings = settings(
        max_examples=many, stateful_step_count=8, deadline=None, suppress_health_check=checks
    )
    Truth.TestCase("runTest").runTest()
