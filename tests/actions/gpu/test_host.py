from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import host


def test_user_at_host_is_any_ssh_host_and_asks_no_cloud():
    login = host.resolve("ann@lab.example.org:2222", identity="~/.ssh/lab").resolve_target()

    assert (login.user, login.host, login.port) == ("ann", "lab.example.org", 2222)
    assert login.alias == "ann@lab.example.org:2222"
    assert login.key_file == Path("~/.ssh/lab").expanduser()
    assert not login.is_instance


def test_a_name_from_the_own_ssh_config_is_such_a_host():
    config = Path.home() / ".ssh" / "config"
    config.parent.mkdir()
    config.write_text('Host lab "big lab" *.example.org !bad # mine\n  User ann\n', "utf-8")

    assert host.resolve("lab").resolve_target().host == "lab"
    assert host.resolve("big lab").name == "big lab"
    assert host.resolve("lab").resolve_target().command_line() == ["ssh", "lab"]


def test_an_instance_is_found_by_its_id_wherever_it_moved(cloud, run):
    launched = run("%aws_launch t2.micro -y")
    found = host.resolve()
    before = found.resolve_target().host

    run("%aws_stop")
    with pytest.raises(errors.WrongState, match="is stopped") as refused:
        found.resolve_target()
    started = run("%aws_start")

    assert found.alias == launched.id
    assert before != started.ip == found.authorize_and_resolve().host
    assert "%aws_start" in refused.value.fix


def test_after_we_moved_the_port_is_open_to_our_new_address(cloud, run, address):
    run("%aws_launch t2.micro -y")
    address.address = "198.51.100.99"

    host.resolve().authorize_and_resolve()

    assert "198.51.100.99/32" in str(run("%aws_check"))


def test_a_way_is_kept_as_plain_values():
    found = host.resolve("ann@lab", identity="key")

    assert host.SshHost(**found.to_json()) == found
