"""Users, addresses and folders that a shell or ssh would take for something else."""

from __future__ import annotations

import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics import errors
from dl_magics.actions.aws import context
from dl_magics.ssh import known_hosts
from dl_magics.ssh.target import SshTarget, parse_destination

OPTION = "-oProxyCommand=touch pwned"
USERS = [OPTION, "a b", "a;id", "$(id)", "`id`", "a'b", "-l", "a\nb", "a/../b", 'a"b', "a|b", "*"]
HOSTS = [*USERS, "", "::1:22022", "[::1]", "fe80::zz", "a_host-", "host,other", "#host", "h@st"]


def target(**more):
    return SshTarget(**{"alias": "i-0123456789abcdef0", "name": "gpu", "host": "1.2.3.4", **more})


@pytest.mark.parametrize("user", USERS)
def test_a_user_that_is_none_is_refused(user):
    with pytest.raises(errors.BadSetting) as refused:
        target(user=user)

    assert "is not a valid user name for SSH of 'gpu'" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "dl-magics:user" in refused.value.fix


@pytest.mark.parametrize("host", HOSTS)
def test_an_address_that_is_none_is_refused(host):
    with pytest.raises(errors.BadSetting, match="is not a valid host name or address"):
        target(host=host)


@pytest.mark.parametrize("port", [0, 65536, -1])
def test_a_port_that_is_none_is_refused(port):
    with pytest.raises(errors.BadSetting, match="is not a valid port"):
        target(port=port)


@pytest.mark.parametrize(
    ("user", "host"),
    [
        ("ubuntu", "203.0.113.7"),
        ("ec2-user", "ec2-203-0-113-7.compute-1.amazonaws.com"),
        ("DOMAIN\\ann", "lab"),
        ("ann@example.org", "my_lab"),
        ("svc$", "fe80::1%eth0"),
        ("a.b", "münchen.example"),
    ],
)
def test_a_user_and_an_address_as_they_are_used_are_accepted(user, host):
    assert target(user=user, host=host).command_line()[-1] == f"{user}@{host}"


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_is_accepted_is_one_word_and_no_option(user, host):
    try:
        words = target(user=user, host=host).command_line()
    except errors.BadSetting:
        return

    assert words[-1] == (f"{user}@{host}" if user else host)
    assert not words[-1].startswith("-")
    assert not set(words[-1]) & set(" \t\n'\"`$;&<>|(){}*?!#,/") - {"$"}
    assert "$(" not in words[-1]


@given(st.text("ab@:[]%.-1\\/ \n", max_size=12))
def test_any_word_is_a_destination_or_refused_in_two_lines(word):
    try:
        user, host, port = parse_destination(word)
        words = target(alias=word, user=user, host=host, port=port).command_line()
    except errors.BadSetting as error:
        words = [str(error), error.fix]

    assert "\n" not in "".join(words)


def test_a_tag_of_an_instance_is_not_an_option_of_ssh(rent, run, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    id_ = rent()
    run("%aws_get gpu")
    tag = {"Key": "dl-magics:user", "Value": OPTION}
    context.load().session.query("ec2", "create_tags", Resources=[id_], Tags=[tag])

    assert id_ in str(run("%aws_list"))
    for line in ("%aws_ssh --explain", "%aws_ssh", "%aws_ssh nvidia-smi", "%aws_start"):
        with pytest.raises(errors.BadSetting, match="is not a valid user name for SSH of 'gpu'"):
            run(line)
    assert not (tmp_path / "pwned").exists()


def test_a_name_of_an_instance_stays_in_its_line(rent, run):
    id_ = rent()
    tag = {"Key": "Name", "Value": "gpu\nforged line\u202e"}
    context.load().session.query("ec2", "create_tags", Resources=[id_], Tags=[tag])

    (line,) = [line for line in str(run("%aws_list")).splitlines() if id_ in line]

    assert line.startswith(r"gpu\nforged line\u202e")


@pytest.mark.parametrize("name", ["my folder", "50%h", "$(touch pwned)", "it's; touch pwned", "ü"])
def test_the_printed_command_is_quoted_for_the_shell_and_for_ssh(sshd, tmp_path, monkeypatch, name):
    folder = tmp_path / name
    monkeypatch.setenv("DL_MAGICS_HOME", str(folder))
    monkeypatch.chdir(tmp_path)
    key = sshd.install("nowhere") / "k"
    (folder / "keys").mkdir(parents=True)
    (folder / "keys" / "id").write_bytes(key.read_bytes())
    (folder / "keys" / "id").chmod(0o600)
    login = target(
        host="127.0.0.1",
        user="root",
        port=sshd.port,
        key_file=folder / "keys" / "id",
        is_instance=True,
    )
    known_hosts.pin_keys(login.alias, sshd.public_key)

    line = shlex.join([*login.command_line(), "echo 'it works'"])

    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert done.stdout == "it works\n"
    assert not (tmp_path / "pwned").exists()
