from __future__ import annotations

import asyncio
import base64
import gzip

import asyncssh
import pytest

from dl_magics import errors
from dl_magics.actions.aws import access, context
from dl_magics.ssh import blocking, commands, connection, host_key_rotation, keys, known_hosts
from dl_magics.ssh.target import SshTarget


@pytest.fixture
def launched(cloud, run):
    return run("%aws_launch t2.micro -y")


def test_the_host_key_of_user_data_is_replaced_on_the_first_connection(launched):
    (pinned,) = known_hosts.pinned_lines(launched.id)
    answer = context.load().session.query(
        "ec2", "describe_instance_attribute", InstanceId=launched.id, Attribute="userData"
    )

    sent = gzip.decompress(base64.b64decode(answer["UserData"]["Value"])).decode()
    key = pinned.split()[2]
    assert "ssh-ed25519" in sent
    assert key not in sent
    assert not known_hosts.is_temporary(launched.id)


def test_another_host_in_its_place_never_gets_in(launched, cloud, run):
    cloud.inject_fault("host-key-swap", instance=launched.id)
    _until_swapped(launched)

    with pytest.raises(errors.HostKeyRefused) as refused:
        run("%aws_ssh echo here")

    assert "does not match the pinned key" in str(refused.value)
    assert "--trust" in refused.value.fix
    with pytest.raises(errors.HostKeyRefused):
        run("%aws_start -y")


def test_a_host_key_that_nobody_told_us_is_never_accepted_silently(rent, run):
    rent()
    run("%aws_get gpu")
    _until_it_answers()

    with pytest.raises(errors.HostKeyRefused, match="No host key"):
        run("%aws_ssh echo here")


def test_trust_shows_the_fingerprint_and_pins_what_the_console_confirms(launched, run, capsys):
    known_hosts.forget_host(launched.id)

    done = run("%aws_ssh --trust -y echo here")

    shown = capsys.readouterr().out
    assert "SHA256:" in shown
    assert done.stdout == "here\n"


def test_a_key_that_is_not_ours_is_said_in_two_lines(rent, run):
    rent()
    run("%aws_get gpu")
    _until_it_answers()

    with pytest.raises(errors.LoginRefused) as refused:
        run("%aws_ssh --trust -y echo here")

    assert "%aws_get gpu --user USER --identity KEY" in refused.value.fix


def test_a_new_address_needs_no_new_host_key(launched, run):
    before = known_hosts.pinned_lines(launched.id)
    run("%aws_stop")

    started = run("%aws_start -y")

    assert started.ip != launched.ip
    assert known_hosts.pinned_lines(launched.id) == before
    assert run("%aws_ssh echo here").stdout == "here\n"


def test_a_command_that_fails_fails_the_cell(launched, run):
    with pytest.raises(errors.CommandFailed) as failed:
        run("%aws_ssh ls /no-such-folder")

    assert "status 2" in str(failed.value)
    assert "no-such-folder" in str(failed.value)


def test_a_stopped_instance_has_no_address(launched, run):
    run("%aws_stop")

    with pytest.raises(errors.WrongState, match="stopped"):
        run("%aws_ssh echo here")
    with pytest.raises(errors.WrongState, match="stopped"):
        run("%aws_ip")


def test_our_private_key_is_for_its_owner_only_and_made_once():
    first = keys.ensure_key_pair("id_ed25519")

    assert first.file.stat().st_mode & 0o077 == 0
    assert keys.ensure_key_pair("id_ed25519") == first


def test_nobody_at_the_address_is_no_answer():
    login = SshTarget(alias="i-1", name="gpu", host="127.0.0.1", user="ubuntu", is_instance=True)
    known_hosts.pin_keys("i-1", keys.ensure_key_pair("host").public)

    assert not blocking.wait_for(host_key_rotation.is_reachable(login))


def _until_it_answers():
    current = context.load()
    list(access.until_ssh_answers(current, current.ec2, current.resolve_instance()))


def _until_swapped(instance):
    login = access.resolve_target(context.load(), context.load().ec2.describe_instance(instance.id))
    known = known_hosts.pinned_lines(instance.id)[0].split()[2]
    for _ in range(100):
        offered = blocking.wait_for(connection.scan_host_key(login))
        if offered.public.split()[1] != known:
            return
    raise AssertionError


@pytest.mark.parametrize("stream", ["", " >&2"])
def test_output_without_end_is_an_error(host, monkeypatch, stream):
    async def ask():
        remote = await connection.connect_shared(host.login)
        process = await remote.create_process(f"yes{stream}", errors="replace")
        await commands.collect_output(process, max_size=2**20)

    with pytest.raises(errors.CommandFailed, match="printed more than 1,048,576 characters"):
        blocking.wait_for(ask())
    assert host.run("echo still here").stdout == "still here\n"


def test_output_that_is_no_text_is_shown_as_far_as_it_is(host):
    done = host.run(r"printf 'caf\351 x'; exit 3")

    assert (done.stdout, done.code) == ("caf\ufffd x", 3)


def test_a_command_that_takes_too_long_is_ended(host):
    async def ask():
        remote = await connection.connect_shared(host.login)
        await commands.run_limited(remote, "echo $$ > pid; exec sleep 600", timeout=1)

    with pytest.raises(TimeoutError):
        blocking.wait_for(ask())


def test_a_command_that_ends_before_its_input_is_sent_has_a_status():
    """Its end arrives with the answer to its start, so that the input finds it closed."""

    class EndsAtOnce(asyncssh.SSHServerSession):
        def connection_made(self, chan):
            self.channel = chan

        def exec_requested(self, command):
            return True

        def session_started(self):
            self.channel.write("no Python\n")
            self.channel.exit(3)

    class Server(asyncssh.SSHServer):
        def begin_auth(self, username):
            return False

        def session_requested(self):
            return EndsAtOnce()

    async def ask():
        key = asyncssh.generate_private_key("ssh-ed25519")
        async with await asyncssh.listen(
            "127.0.0.1", 0, server_factory=Server, server_host_keys=[key]
        ) as server:
            port = server.get_port()
            async with asyncssh.connect("127.0.0.1", port, known_hosts=None, config=None) as there:
                return [await commands.run_limited(there, "python", "input") for _ in range(20)]

    answers = asyncio.run(ask())

    assert {(each.stdout, each.code) for each in answers} == {("no Python\n", 3)}
