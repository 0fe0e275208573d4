"""Which names the user's ~/.ssh/config configures; asyncssh reads the file."""

from __future__ import annotations

import pytest

from dl_magics.ssh import ssh_config


@pytest.fixture
def config(tmp_path, monkeypatch):
    """The file ~/.ssh/config of a new home folder; it does not exist yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh" / "config"


@pytest.mark.parametrize(
    ("text", "name", "configured"),
    [
        ("Host gpu\n  HostName 10.0.0.7\n", "gpu", True),
        ("Host gpu\n  HostName 10.0.0.7\n", "cpu", False),
        ("Host=gpu\n  User=ubuntu\n", "gpu", True),
        ("Host cpu gpu\n  User ubuntu\n", "gpu", True),
        ("Host lab-*\n  User ubuntu\n", "lab-3", True),
        ("Host lab-*\n  User ubuntu\n", "gpu", False),
        ("Host lab-* !lab-3\n  User ubuntu\n", "lab-3", False),
        ("Host *\n  User ubuntu\n", "gpu", False),
        ("User ubuntu\n", "gpu", False),
        ("Match host gpu\n  User ubuntu\n", "gpu", True),
        ("Match host gpu\n  User ubuntu\n", "cpu", False),
        ("Match all\n  User ubuntu\n", "gpu", False),
        ("# Host gpu\n", "gpu", False),
        ("", "gpu", False),
    ],
)
def test_a_name_is_configured_if_an_option_applies_to_it_but_not_to_all(
    config, text, name, configured
):
    config.write_text(text)

    assert ssh_config.is_configured(name) is configured


def test_included_files_are_read(config):
    (config.parent / "conf.d").mkdir()
    (config.parent / "conf.d" / "lab").write_text("Host lab\n  HostName 10.0.0.8\n")
    config.write_text("Include conf.d/*\n")

    assert ssh_config.is_configured("lab")
    assert not ssh_config.is_configured("gpu")


def test_an_option_that_only_repeats_the_name_does_not_count(config):
    config.write_text("Host *\n  HostName %h.example.org\n")

    assert not ssh_config.is_configured("gpu")


def test_a_missing_file_configures_nothing(config):
    assert not ssh_config.is_configured("gpu")


@pytest.mark.parametrize("content", [b"Port many\n", b"Host \xff\n"])
def test_an_invalid_file_configures_nothing(config, content):
    config.write_bytes(content)

    assert not ssh_config.is_configured("gpu")
