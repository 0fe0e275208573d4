from __future__ import annotations

from contextlib import suppress

import psutil
import pytest

from dl_magics.actions.aws import context
from dl_magics.errors import WrongState
from support.ec2_client import until
from support.processes.running import find_processes


@pytest.fixture
def slow_to_stop(cloud_with_hosts, rent):
    """A running instance whose host process is suspended, so that it stays in "stopping"."""
    id_ = rent()
    host = until(lambda: find_processes("dl_magics.practice.hosts.ssh_server", f"/{id_} "))[0]
    host.suspend()
    yield id_, host.resume
    with suppress(psutil.NoSuchProcess):
        host.resume()


def test_a_stop_fails_if_another_client_starts_the_instance(slow_to_stop):
    id_, resume = slow_to_stop
    stops = context.load().ec2.stop(context.load().ec2.describe_instance(id_))
    until(lambda: next(stops).state == "stopping")

    resume()
    list(context.load().ec2.start(context.load().ec2.describe_instance(id_)))

    with pytest.raises(WrongState, match="is running: another client started it") as refused:
        list(stops)
    assert refused.value.fix == f"%aws_stop {id_} stops it again."


def test_a_start_succeeds_if_another_client_starts_the_instance_first(slow_to_stop):
    id_, resume = slow_to_stop
    context.load().session.change_ec2("stop_instances", InstanceIds=[id_])
    starts = context.load().ec2.start(context.load().ec2.describe_instance(id_))
    assert next(starts).state == "stopping"

    resume()
    list(context.load().ec2.start(context.load().ec2.describe_instance(id_)))

    assert list(starts)[-1].state == "running"
