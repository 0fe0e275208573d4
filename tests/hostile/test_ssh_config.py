"""A lax ssh_config of the user, which other hosts may need, gives a hostile instance nothing."""

from __future__ import annotations

import shlex
import subprocess
from dataclasses import replace

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking, connection, keys, known_hosts
from dl_magics.ssh.target import SshTarget

INSTANCE = "i-0123456789abcdef0"
FORWARDING = "Host *\n  ForwardAgent yes\n  ForwardX11 yes\n  GSSAPIDelegateCredentials yes\n"
NO_CHECK = "Host *\n  StrictHostKeyChecking no\n"
SHOW_AGENT = 'echo "[$SSH_AUTH_SOCK]"'


@pytest.fixture
def instance(sshd):
    """The login to an instance that answers at the address of the server."""
    folder = sshd.install("nowhere")
    known_hosts.pin_keys(INSTANCE, sshd.public_key)
    return SshTarget(
        alias=INSTANCE,
        name="gpu",
        host="127.0.0.1",
        user="root",
        port=sshd.port,
        key_file=folder / "k",
        is_instance=True,
    )


def write_config(target, text):
    (target.key_file.parent / "config").write_text(text)


def printed_here(target, command):
    async def run():
        async with connection.connect_private(target) as opened:
            return (await opened.run(command, check=False)).stdout

    return blocking.wait_for(run())


def printed_by(words, command):
    """Return what a command prints that is pasted into a terminal in which nobody answers."""
    line = shlex.join([*words, command]).replace("ssh ", "ssh -o BatchMode=yes ", 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    return done.stdout


def test_the_agent_is_not_forwarded(instance, agent):
    agent.add(instance.key_file.with_name("locked"), "open sesame")
    write_config(instance, FORWARDING + "  StrictHostKeyChecking no\n")

    plain = ["ssh", "-i", str(instance.key_file), "-p", str(instance.port), "root@127.0.0.1"]
    assert printed_by(plain, SHOW_AGENT).startswith("[/")
    assert printed_here(instance, SHOW_AGENT) == "[]\n"
    assert printed_by(instance.command_line(), SHOW_AGENT) == "[]\n"


def test_only_the_key_of_the_instance_is_offered(instance, agent):
    stranger = instance.key_file.with_name("stranger")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    agent.add(instance.key_file)
    other = replace(instance, key_file=stranger)

    with pytest.raises(errors.LoginRefused):
        printed_here(other, "echo here")
    assert printed_by(other.command_line(), "echo here") == ""
    assert printed_here(instance, "echo here") == "here\n"


def test_an_encrypted_key_without_its_public_half_lets_no_other_key_of_the_agent_in(
    instance, agent
):
    agent.add(instance.key_file)
    instance.key_file.with_name("locked.pub").unlink()
    other = replace(instance, key_file=instance.key_file.with_name("locked"))

    with pytest.raises(keys.PassphraseRequired):
        printed_here(other, "echo here")


@pytest.mark.parametrize(
    "config",
    [
        "",
        NO_CHECK,
        f"{NO_CHECK}  UserKnownHostsFile /dev/null\n",
        f"{NO_CHECK}  UserKnownHostsFile none\n  GlobalKnownHostsFile none\n",
        f"{NO_CHECK}  HostKeyAlias nowhere\n",
        f"{NO_CHECK}  NoHostAuthenticationForLocalhost yes\n",
    ],
)
@pytest.mark.parametrize("is_pinned", [False, True])
def test_a_host_whose_key_is_unknown_is_never_connected(instance, sshd, config, is_pinned):
    write_config(instance, config)
    alias = INSTANCE if is_pinned else "root@127.0.0.1"
    (instance.key_file.parent / "known_hosts").write_text("")
    if is_pinned:
        known_hosts.pin_keys(alias, instance.key_file.with_suffix(".pub").read_text())
    target = SshTarget(
        alias=alias,
        name="gpu",
        host="127.0.0.1",
        user="root",
        port=sshd.port,
        key_file=instance.key_file,
        is_instance=is_pinned,
    )

    with pytest.raises(errors.HostKeyRefused):
        printed_here(target, "echo here")
    assert printed_by(target.command_line(), "echo here") == ""


def test_a_default_known_hosts_counts_where_the_configuration_has_none(instance, sshd):
    write_config(instance, f"{NO_CHECK}  UserKnownHostsFile /dev/null\n")
    name = f"[127.0.0.1]:{sshd.port}"
    (instance.key_file.parent / "known_hosts").write_text(f"{name} {sshd.public_key}\n")
    target = SshTarget(
        alias="lab", name="lab", host="127.0.0.1", port=sshd.port, key_file=instance.key_file
    )

    assert printed_here(target, "echo here") == "here\n"


@pytest.mark.parametrize("line", ["RemoteCommand touch {file}", "RequestTTY force", "SendEnv *"])
def test_the_printed_command_runs_what_it_says(instance, tmp_path, line):
    file = tmp_path / "remote-command"
    write_config(instance, f"Host *\n  {line.format(file=file)}\n")

    assert printed_by(instance.command_line(), "echo here") == "here\n"
    assert not file.exists()
