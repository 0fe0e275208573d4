"""What goes wrong at the door of a real sshd costs two lines."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.host import probe
from dl_magics.ssh import blocking, connection, keys, known_hosts


@pytest.fixture(autouse=True)
def fresh(lab):
    """Nothing goes over a connection that is open already."""
    blocking.wait_for(connection.drop_shared("i-0lab"))
    yield
    blocking.wait_for(connection.drop_shared("i-0lab"))


@pytest.fixture
def start_file(lab):
    """What bash reads before any command that comes by SSH."""
    file = lab.folder / "home" / ".bashrc"
    yield file
    file.unlink()


def refusal(login):
    with pytest.raises(errors.LoginRefused) as refused:
        blocking.run_command(login, "true")
    happened, fix = refused.value._render_traceback_()
    assert "\n" not in happened + fix
    return happened, fix


def test_a_user_that_is_not_known_there_is_named(lab):
    typed = f"ec2-user@{lab.address}"
    known_hosts.pin_keys(typed, keys.ensure_key_pair("lab-host").public)

    happened, fix = refusal(
        replace(lab.login(), alias=typed, name=typed, user="ec2-user", is_instance=False)
    )

    assert happened == (
        f"LoginRefused: {typed} refused the login of ec2-user: it accepts none of the offered keys."
    )
    assert fix.endswith(f"%gpu_connect USER@{lab.address} --identity KEY")


def test_a_start_file_that_exits_is_told_with_its_status(lab, start_file):
    start_file.write_text("exit 7\n")

    with pytest.raises(errors.NoAnswer, match=r"exit status 7") as told:
        blocking.wait_for(probe.probe_host(lab.login()))

    assert ".bashrc" in told.value.fix


def test_a_start_file_that_hangs_is_told_in_time(lab, start_file, monkeypatch):
    monkeypatch.setattr(probe, "_TIMEOUT_SECONDS", 1.0)
    start_file.write_text("sleep 300\n")

    with pytest.raises(errors.NoAnswer, match="for 1 seconds") as told:
        blocking.wait_for(probe.probe_host(lab.login()))

    assert ".bashrc" in told.value.fix
