from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.actions import access, here
from dl_magics.remote import connection, loop, ssh
from dl_magics.remote.login import Login


@pytest.fixture
def login(cloud, run):
    run("%aws_launch t2.micro -y")
    return access.login(here.meant())


def test_all_that_goes_there_shares_one_connection(login):
    first = loop.wait(connection.connected(login))

    ssh.run(login, "true")

    assert loop.wait(connection.connected(login)) is first


def test_a_connection_that_broke_is_made_anew(login):
    first = loop.wait(connection.connected(login))

    loop.wait(connection.drop(login.alias))

    second = loop.wait(connection.connected(login))
    assert second is not first
    assert ssh.run(login, "echo here").stdout == "here\n"


def test_after_a_stop_and_a_start_the_new_address_is_connected(login, run):
    ssh.run(login, "true")

    run("%aws_stop")
    run("%aws_start")

    assert ssh.run(access.login(here.meant()), "echo here").stdout == "here\n"


def test_a_host_that_nobody_knows_is_not_trusted(login, tmp_path):
    other = Login(alias="somewhere", name="somewhere", host=login.host, config=login.config)

    with pytest.raises(errors.HostKeyRefused) as refused:
        ssh.run(other, "true")

    assert refused.value.fix.startswith("%gpu_connect somewhere --trust")
