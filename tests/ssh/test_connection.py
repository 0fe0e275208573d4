from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.ssh import blocking, connection
from dl_magics.ssh.target import SshTarget


@pytest.fixture
def login(cloud, run):
    run("%aws_launch t2.micro -y")
    return access.resolve_target(context.load(), context.load().resolve_instance())


def test_all_that_goes_there_shares_one_connection(login):
    first = blocking.wait_for(connection.connect_shared(login))

    blocking.run_command(login, "true")

    assert blocking.wait_for(connection.connect_shared(login)) is first


def test_a_connection_that_broke_is_made_anew(login):
    first = blocking.wait_for(connection.connect_shared(login))

    blocking.wait_for(connection.drop_shared(login.alias))

    second = blocking.wait_for(connection.connect_shared(login))
    assert second is not first
    assert blocking.run_command(login, "echo here").stdout == "here\n"


def test_after_a_stop_and_a_start_the_new_address_is_connected(login, run):
    blocking.run_command(login, "true")

    run("%aws_stop")
    run("%aws_start -y")

    assert (
        blocking.run_command(
            access.resolve_target(context.load(), context.load().resolve_instance()), "echo here"
        ).stdout
        == "here\n"
    )


def test_a_host_that_nobody_knows_is_not_trusted(login, tmp_path):
    other = SshTarget(alias="somewhere", name="somewhere", host=login.host, config=login.config)

    with pytest.raises(errors.HostKeyRefused) as refused:
        blocking.run_command(other, "true")

    assert refused.value.fix.startswith("%gpu_connect somewhere --trust")
