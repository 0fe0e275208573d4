"""Hosts of ssh_config at a real server of OpenSSH; what `ssh` does is right."""

from __future__ import annotations

import subprocess

import pytest

from dl_magics import errors
from dl_magics.actions.gpu import host, host_key
from dl_magics.ssh import blocking, connection, keys, known_hosts
from dl_magics.ssh.target import SshTarget

LAB = "Host lab\n  HostName 127.0.0.1\n  Port {port}\n  User root\n  IdentityFile ~/.ssh/k\n"
JUMP = LAB.replace("lab", "jump").replace("{port}", "{jump_port}")


def in_lab(*lines):
    """Return the configuration of the host `lab` with more lines."""
    return LAB + "".join(f"  {line}\n" for line in lines)


# The files in ~/.ssh beside the keys and a known_hosts that has the addresses of the server.
REACHED = {
    "missing IdentityFile": {"config": f"Host *\n  IdentityFile ~/.ssh/gone\n{LAB}"},
    "IdentityFile with tokens": {"config": LAB.replace("~/.ssh/k", "%d/.ssh/%r-%h")},
    "IdentityFile with a variable": {"config": LAB.replace("~/.ssh/k", "${{HOME}}/.ssh/k")},
    "IdentityFile with a space": {"config": LAB.replace("~/.ssh/k", '"~/.ssh/k with space"')},
    "IdentityFile that is no key": {"config": f"Host *\n  IdentityFile ~/.ssh/config\n{LAB}"},
    "IdentitiesOnly": {"config": in_lab("IdentitiesOnly yes", "IdentityAgent none")},
    "IdentityAgent that does not run": {"config": in_lab("IdentityAgent ~/.ssh/no-agent")},
    "HostKeyAlias": {"config": in_lab("HostKeyAlias the-lab"), "known_hosts": "the-lab {key}\n"},
    "UserKnownHostsFile": {
        "config": in_lab('UserKnownHostsFile ~/.ssh/%k.known "~/.ssh/known too"'),
        "known too": "[127.0.0.1]:{port} {key}\n",
        "known_hosts": "",
    },
    "a line of known_hosts that is none": {
        "config": LAB,
        "known_hosts": "@what * x\n|1|x\n[127.0.0.1]:{port} {key}\n",
    },
    "LocalCommand": {"config": in_lab("PermitLocalCommand yes", 'LocalCommand test "it\'s up"')},
    "ControlMaster": {"config": in_lab("ControlMaster auto", "ControlPath ~/.ssh/m")},
    "LocalForward": {"config": in_lab("LocalForward 127.0.0.1:1 127.0.0.1:2")},
    "AddressFamily": {"config": LAB.replace("127.0.0.1", "::1") + "  AddressFamily inet6\n"},
    "BindAddress": {"config": in_lab("BindAddress 127.0.0.1")},
    "Ciphers": {"config": in_lab("Ciphers aes256-ctr", "MACs hmac-sha2-512")},
    "KexAlgorithms": {"config": in_lab("KexAlgorithms ecdh-sha2-nistp256")},
    "Compression": {"config": in_lab("Compression yes")},
    "ProxyJump": {"config": JUMP + in_lab("ProxyJump jump")},
    "ProxyJump with a port": {
        "config": in_lab("ProxyJump root@127.0.0.1:{jump_port}")
        + "Host 127.0.0.1\n  IdentityFile ~/.ssh/k\n"
    },
    "two jump hosts": {
        "config": JUMP + JUMP.replace("jump", "two", 1) + in_lab("ProxyJump jump,two")
    },
    "ProxyJump for all": {"config": f"{JUMP}  ProxyJump none\n{LAB}Host *\n  ProxyJump jump\n"},
    "ProxyCommand": {"config": JUMP + in_lab("ProxyCommand ssh -W %h:%p jump")},
}
REFUSED = {
    "unknown host key": (
        {"config": LAB, "known_hosts": ""},
        "The host key of lab is unknown, or does not match the known key.",
        "%gpu_connect lab --trust shows its fingerprint and asks for confirmation.",
    ),
    "other host key": (
        {"config": LAB, "known_hosts": "[127.0.0.1]:{port} {other_key}\n"},
        "The host key of lab is unknown, or does not match the known key.",
        "%gpu_connect lab --trust shows its fingerprint and asks for confirmation.",
    ),
    "revoked host key": (
        {"config": LAB, "known_hosts": "[127.0.0.1]:{port} {key}\n@revoked * {key}\n"},
        "The host key of lab is unknown, or does not match the known key.",
        "%gpu_connect lab --trust shows its fingerprint and asks for confirmation.",
    ),
    "unknown jump host": (
        {
            "config": JUMP + in_lab("ProxyJump jump"),
            "known_hosts": "[127.0.0.1]:{port} {key}\n",
        },
        "The host key of the jump host jump is unknown, or does not match the known key.",
        "%gpu_connect lab --trust shows its fingerprint and asks for confirmation.",
    ),
    "ProxyCommand that fails": (
        {"config": in_lab("ProxyCommand false")},
        "SSH connection to lab failed: Connection lost",
        "Try it in a terminal: ssh -a",
    ),
    "host down": (
        {"config": LAB.replace("{port}", "1")},
        "SSH connection to lab failed: [Errno 111] Connect call failed",
        "Try it in a terminal: ssh -a",
    ),
    "password only": (
        {"config": LAB.replace("{port}", "{password_port}")},
        "lab refused the login of root: it accepts only a password, and dl_magics logs in with a "
        "key.",
        "Copy your public key to it: ssh-copy-id root@lab",
    ),
    "no key that is accepted": (
        {"config": LAB.replace("~/.ssh/k", "~/.ssh/stranger")},
        "lab refused the login of root: it accepts none of the offered keys.",
        "Name another user or another key: %gpu_connect USER@lab --identity KEY",
    ),
}


@pytest.fixture(autouse=True)
def no_agent(monkeypatch):
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)


@pytest.fixture
def configure(sshd):
    """Write files to ~/.ssh, which has the keys of the user and the known host keys, too."""

    def write(**files):
        folder = sshd.install()
        words = {
            "key": sshd.public_key,
            "other_key": (folder / "k.pub").read_text().strip(),
            "port": sshd.port,
            "jump_port": sshd.jump_port,
            "password_port": sshd.password_port,
        }
        for name, text in files.items():
            (folder / name).write_text(text.format(**words))
        return folder

    return write


def named(name="lab", **more):
    return SshTarget(alias=name, name=name, host=name, **more)


def printed_here(target, command="echo here"):
    """Return what a command prints over a new connection of ours."""

    async def run():
        async with connection.connect_private(target) as opened:
            return (await opened.run(command, check=False)).stdout

    return blocking.wait_for(run())


def printed_by_ssh(name):
    """Return what `ssh NAME 'echo here'` prints; "" where it does not connect."""
    words = ["ssh", "-o", "BatchMode=yes", name, "echo here"]
    return subprocess.run(
        words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=60
    ).stdout


def failure(work, *arguments):
    with pytest.raises(errors.DLMagicsError) as failed:
        work(*arguments)
    assert "\n" not in f"{failed.value}{failed.value.fix}"
    return failed.value


@pytest.mark.parametrize("files", REACHED.values(), ids=list(REACHED))
def test_a_host_that_ssh_reaches_is_reached(configure, files):
    folder = configure(**files)
    (folder / "root-127.0.0.1").hardlink_to(folder / "k")

    assert printed_by_ssh("lab") == "here\n"
    assert printed_here(named()) == "here\n"


@pytest.mark.parametrize(
    "name", ["missing IdentityFile", "UserKnownHostsFile", "two jump hosts", "Compression"]
)
def test_without_openssh_a_host_is_reached_with_the_options_that_asyncssh_reads(
    configure, monkeypatch, name
):
    configure(**REACHED[name])
    monkeypatch.setenv("PATH", "")

    assert printed_here(named()) == "here\n"


def test_without_openssh_a_host_key_is_checked_too(configure, monkeypatch):
    configure(
        config=in_lab("UserKnownHostsFile /dev/null", "StrictHostKeyChecking no"), known_hosts=""
    )
    monkeypatch.setenv("PATH", "")

    assert isinstance(failure(printed_here, named()), errors.HostKeyRefused)


@pytest.mark.parametrize(("files", "happened", "fix"), REFUSED.values(), ids=list(REFUSED))
def test_a_host_that_ssh_does_not_reach_is_reported_in_two_lines(configure, files, happened, fix):
    folder = configure(**files)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(folder / "stranger")], check=True
    )

    assert printed_by_ssh("lab") == ""
    failed = failure(printed_here, named())
    assert str(failed).startswith(happened)
    assert failed.fix.startswith(fix)


@pytest.mark.parametrize(
    "line",
    ["RemoteCommand tmux new -A", "RequestTTY force", "ForwardAgent yes", "SessionType none"],
)
def test_our_commands_inherit_no_command_and_no_terminal(configure, line):
    configure(config=in_lab(line))

    async def list_root():
        async with (
            connection.connect_private(named()) as opened,
            opened.start_sftp_client() as sftp,
        ):
            return await sftp.listdir("/")

    assert printed_here(named(), "tty; echo x | od -c | head -1") == "not a tty\n0000000   x  \\n\n"
    assert "etc" in blocking.wait_for(list_root())


def test_environment_variables_are_sent_but_not_the_language(configure, monkeypatch):
    configure(config=in_lab("SetEnv PLACE=lab", "SendEnv COLOR LC_* LANG"))
    monkeypatch.setenv("COLOR", "red")
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")

    printed = printed_here(named(), 'echo "$PLACE $COLOR ${LC_ALL:-none}"')

    assert printed == "lab red none\n"


@pytest.mark.parametrize("word", ["root@[::1]:{port}", "[::1]:{port}", "root@::1", "::1"])
def test_ipv6_addresses_are_reached_in_brackets_and_bare(configure, sshd, word):
    configure(config="Host *\n  User root\n  IdentityFile ~/.ssh/k\nHost ::1\n  Port {port}\n")

    assert printed_here(host.resolve(word.format(port=sshd.port)).resolve_target()) == "here\n"


def test_a_bare_ipv6_address_with_a_port_is_refused_with_the_form_to_write():
    failed = failure(host.resolve, "root@::1:22022")

    assert str(failed).startswith("'::1:22022' is not a valid host name or address for SSH")
    assert "USER@[IPv6 address]:PORT" in failed.fix


def test_an_alias_that_begins_like_an_instance_id_is_a_host(configure):
    configure(config=LAB.replace("Host lab", "Host i-dev"))

    found = host.resolve("i-dev")

    assert not found.is_instance
    assert printed_here(found.resolve_target()) == "here\n"


def test_jump_hosts_are_trusted_before_the_host(configure, sshd):
    configure(config=JUMP + in_lab("ProxyJump jump"), known_hosts="")
    lab = host.resolve("lab")

    first = host_key.fetch_offered_key(lab)
    assert first.question.startswith("the jump host jump presents the host key SHA256:")
    host_key.pin_key(first)
    second = host_key.fetch_offered_key(lab)
    assert second.question.startswith("lab presents the host key SHA256:")
    host_key.pin_key(second)

    assert printed_here(lab.resolve_target()) == "here\n"
    assert known_hosts.pinned_lines("jump") == [f"jump {sshd.public_key}"]


def test_jump_hosts_in_a_circle_are_reported(configure):
    configure(config=JUMP + in_lab("ProxyJump jump") + "Host jump\n  ProxyJump lab\n")

    assert str(failure(printed_here, named())) == "ProxyJump of the jump host lab leads back to it."


LOCKED = LAB.replace("~/.ssh/k", "~/.ssh/locked")


def test_an_encrypted_key_requires_its_passphrase_once(configure):
    folder = configure(config=LOCKED)

    failed = failure(printed_here, named())
    assert isinstance(failed, keys.PassphraseRequired)
    assert str(failed) == f"The key file {folder}/locked is encrypted: its passphrase is required."
    assert "%gpu_connect lab asks for it once" in failed.fix
    assert f"ssh-add {folder}/locked" in failed.fix

    wrong = failure(keys.remember_passphrase, folder / "locked", "open barley")
    assert "does not decrypt" in str(wrong)
    keys.remember_passphrase(folder / "locked", "open sesame")
    assert printed_here(named()) == "here\n"
    assert printed_here(named()) == "here\n"


@pytest.mark.parametrize("named_key", [False, True])
def test_an_encrypted_key_in_the_agent_requires_no_passphrase(configure, agent, named_key):
    folder = configure(config=LOCKED)
    agent.add(folder / "locked", "open sesame")

    target = named(key_file=folder / "locked") if named_key else named()

    assert printed_here(target) == "here\n"


@pytest.mark.parametrize(
    ("text", "kind", "happened"),
    [
        (None, errors.NoSuchFile, "There is no private key file '{file}'."),
        ("no key", errors.BadSetting, "'{file}' is not a private key that can be read."),
    ],
)
def test_a_named_key_file_that_cannot_be_used_is_reported(configure, text, kind, happened):
    file = configure(config=LAB) / "named"
    if text:
        file.write_text(text)

    failed = failure(printed_here, named(key_file=file))

    assert isinstance(failed, kind)
    assert str(failed) == happened.format(file=file)
