from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.ssh import blocking, commands, connection
from dl_magics.ssh.target import Login


@pytest.fixture
def login(cloud, run):
    run("%aws_launch t2.micro -y")
    return access.login(context.meant())


def test_all_that_goes_there_shares_one_connection(login):
    first = blocking.wait(connection.connected(login))

    commands.run(login, "true")

    assert blocking.wait(connection.connected(login)) is first


def test_a_connection_that_broke_is_made_anew(login):
    first = blocking.wait(connection.connected(login))

    blocking.wait(connection.drop(login.alias))

    second = blocking.wait(connection.connected(login))
    assert second is not first
    assert commands.run(login, "echo here").stdout == "here\n"


def test_after_a_stop_and_a_start_the_new_address_is_connected(login, run):
    commands.run(login, "true")

    run("%aws_stop")
    run("%aws_start")

    assert commands.run(access.login(context.meant()), "echo here").stdout == "here\n"


def test_a_host_that_nobody_knows_is_not_trusted(login, tmp_path):
    other = Login(alias="somewhere", name="somewhere", host=login.host, config=login.config)

    with pytest.raises(errors.HostKeyRefused) as refused:
        commands.run(other, "true")

    assert refused.value.fix.startswith("%gpu_connect somewhere --trust")
