from __future__ import annotations

from dataclasses import replace
from importlib import metadata

import pytest

from dl_magics import errors
from dl_magics.actions.runs.crew import setup
from dl_magics.crew.member import Member
from dl_magics.ssh.target import SshTarget

LOGIN = SshTarget(alias="crew-1", name="crew-1", host="127.0.0.1", port=22, user="ubuntu")


def list_missing(host, version):
    def is_gone():
        raise errors.WrongState("gone is stopped.", fix="%aws_start gone")

    members = [Member("crew-1", lambda: host.login), Member("gone", is_gone)]
    return setup.list_missing(members, version)


def test_a_host_with_another_version_of_dask_is_offered_that_of_this_computer(host):
    here = metadata.version("distributed")
    assert list_missing(host, here) == []

    (missing,) = list_missing(host, "2000.1.0")

    assert missing.name == "crew-1"
    assert missing.what.startswith(f"Dask {here} in ")
    assert "-m pip install distributed==2000.1.0;" in missing.command
    question = setup.describe([missing])
    assert f"  crew-1: {missing.what}\n    {missing.command}" in question


def test_what_a_host_says_is_shown_as_text():
    missing = setup.Missing("crew-1", LOGIN, "Dask \x1b[2J in python3", "pip install distributed")

    assert r"  crew-1: Dask \x1b[2J in python3" in setup.describe([missing])


def test_all_are_installed_though_one_fails_which_is_named_with_the_last_line(host):
    (missing,) = list_missing(host, "2000.1.0")
    fails = replace(missing, name="crew-2", command="echo No matching distribution >&2; false")
    works = replace(missing, command="echo done > installed")

    lines = []
    with pytest.raises(errors.CommandFailed, match=r"crew-2 \(exit status 1\): No match") as failed:
        lines.extend(setup.install([fails, works]))

    assert (host.home / "installed").read_text() == "done\n"
    assert failed.value.fix == f"Run it in a terminal on the host: {fails.command}"


def test_a_host_without_keras_is_offered_an_environment_that_has_dask_too(host, tmp_path):
    (host.home / ".venvs").rename(tmp_path / "venvs")
    try:
        (missing,) = list_missing(host, "2000.1.0")
    finally:
        (tmp_path / "venvs").rename(host.home / ".venvs")

    assert "No Python on" in missing.what
    assert "keras tensorflow" in missing.command.replace("'tensorflow[and-cuda]'", "tensorflow")
    assert missing.command.endswith(" distributed==2000.1.0")
