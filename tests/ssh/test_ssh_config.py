"""What the configuration files say about a host, as OpenSSH reads them, and asyncssh without it."""

from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting
from dl_magics.ssh import ssh_config
from dl_magics.ssh.target import SshTarget


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


def test_a_host_name_that_begins_with_the_name_of_the_host_counts(config):
    config.write_text("Host lab\n  HostName lab.example.org\n")

    assert ssh_config.is_configured("lab")


def test_an_option_that_is_valid_for_one_host_only_configures_it(config):
    config.write_text("Host lab\n  IgnoreUnknown UseKeychain\n  UseKeychain yes\n")

    assert ssh_config.is_configured("lab")


@pytest.mark.parametrize("name", ["my gpu", "-oProxyCommand=x", "a;b", "$(id)", ""])
def test_a_name_that_ssh_does_not_take_is_not_configured(config, name):
    config.write_text("Host *\n  User ann\n")

    assert not ssh_config.is_configured(name)


def test_the_configuration_of_the_system_is_read(config):
    assert not ssh_config.is_configured("lab")
    home = config.parent.parent
    if not home.with_name(f"{home.name}.passwd").exists():
        pytest.skip("the configuration of the system cannot be replaced for a process")
    home.with_name(f"{home.name}.ssh_config").write_text(LAB)

    assert ssh_config.is_configured("lab")
    read = ssh_config.read_options(SshTarget(alias="lab", name="lab", host="lab"))
    assert read["hostname"] == ("10.0.0.7",)


LAB = "Host lab\n  HostName 10.0.0.7\n  Port 2222\n  User ann\n"
READ = {
    "plain": {"config": LAB},
    "Include": {"config": "Include conf.d/*\n", "conf.d/lab": LAB},
    "Include of an Include": {
        "config": "Include ~/.ssh/a\n",
        "a": "Include conf.d/*.conf\n",
        "conf.d/x.conf": LAB,
        "conf.d/x.bak": "Host lab\n  Port 1\n",
    },
    "Host=": {"config": LAB.replace("Host lab", "Host=lab").replace("Port ", "Port = ")},
    "wildcard": {"config": LAB.replace("Host lab", "Host l?b *.example.org")},
    "negation": {"config": f"Host l* !lab\n  Port 1\n{LAB}"},
    "several names": {"config": LAB.replace("Host lab", "Host other lab")},
    "Match host": {"config": LAB.replace("Host lab", "Match host lab")},
    "Match exec": {"config": LAB.replace("Host lab", 'Match host lab exec "test -d /"')},
    "Match exec that fails": {"config": f"Match host lab exec false\n  Port 1\n{LAB}"},
    "case of keywords": {"config": LAB.replace("Host", "HOST").replace("Port", "pORT")},
    "first value counts": {"config": f"{LAB}Host *\n  Port 1\n  User bob\n"},
    "CRLF": {"config": LAB.replace("\n", "\r\n")},
    "tabs": {"config": LAB.replace("  ", "\t")},
    "quotes": {"config": LAB.replace("10.0.0.7", '"10.0.0.7"')},
    "no newline at the end": {"config": LAB.rstrip("\n")},
    "LocalCommand": {"config": f"{LAB}  LocalCommand echo 'it is up'\n"},
}
ONLY_OPENSSH = {
    "Include in a Host": {"config": "Host lab\n  Include rest\n", "rest": LAB.partition("\n")[2]},
    "Match final": {"config": f"{LAB}Match final host 10.0.0.7\n  Compression yes\n"},
    "comment at the end of a line": {"config": LAB.replace("10.0.0.7", "10.0.0.7 # the lab")},
    "not UTF-8": {"config": b"# caf\xe9\n" + LAB.encode()},
}
ROWS = [
    *(
        pytest.param(True, files, id=f"ssh, {name}")
        for name, files in (READ | ONLY_OPENSSH).items()
    ),
    *(pytest.param(False, files, id=f"asyncssh, {name}") for name, files in READ.items()),
]


@pytest.mark.parametrize(("with_openssh", "files"), ROWS)
def test_address_user_and_port_of_a_host_are_read(config, monkeypatch, with_openssh, files):
    if not with_openssh:
        monkeypatch.setenv("PATH", "")
    for name, text in files.items():
        (config.parent / name).parent.mkdir(exist_ok=True)
        (config.parent / name).write_bytes(text if isinstance(text, bytes) else text.encode())

    read = ssh_config.read_options(SshTarget(alias="lab", name="lab", host="lab"))

    assert [read[key] for key in ("hostname", "port", "user")] == [
        ("10.0.0.7",),
        ("2222",),
        ("ann",),
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("NoSuchOption yes", "config: line 2: Bad configuration option: nosuchoption"),
        ("Port many", "config line 2: Bad port 'many'."),
        ("LocalCommand echo it's up", "config line 2: invalid quotes"),
        (
            "Match nothing x",
            "config line 2: Bad Match condition (Unsupported Match attribute nothing)",
        ),
        ("Include", "config line 2:"),
    ],
)
def test_a_line_that_cannot_be_parsed_is_reported_with_its_file_and_number(config, line, message):
    config.write_text(f"Host *\n{line}\n")

    with pytest.raises(BadSetting) as failed:
        ssh_config.is_configured("lab")

    assert f"{config.parent}/{message}" in str(failed.value)
    assert failed.value.fix == "Correct that line; this prints what is read: ssh -G lab"


def test_without_openssh_a_line_that_cannot_be_parsed_is_reported_too(config, monkeypatch):
    monkeypatch.setenv("PATH", "")
    config.write_text("Host *\nPort many\n")

    with pytest.raises(BadSetting, match=f"{config} line 2: Invalid Port integer value: many"):
        ssh_config.is_configured("lab")


def test_a_byte_order_mark_is_named(config):
    config.write_text(f"\ufeff{LAB}", "utf-8")

    with pytest.raises(BadSetting) as failed:
        ssh_config.is_configured("lab")

    assert "byte order mark" in failed.value.fix


def test_a_command_of_match_exec_that_hangs_is_reported(config, monkeypatch):
    monkeypatch.setattr(ssh_config, "_TIMEOUT_SECONDS", 0.5)
    config.write_text(f'Match exec "sleep 5"\n{LAB}')

    with pytest.raises(BadSetting, match="has not ended after 0 seconds"):
        ssh_config.is_configured("lab")
