from __future__ import annotations

import asyncio
import shutil
import subprocess

import asyncssh
import psutil
import pytest

from support.ec2_client import until


def test_a_command_runs_in_the_home_of_the_host(instance, cloud):
    done = instance.run("echo $USER; pwd; echo $HOME")

    home = f"{cloud.folder}/instances/{instance.id}/home"
    assert done.stdout.splitlines() == ["ubuntu", home, home]


def test_output_and_exit_status_of_a_command_are_returned(instance):
    done = instance.run("cat; echo wrong >&2; exit 7", input="right")

    assert (done.stdout, done.stderr, done.exit_status) == ("right", "wrong\n", 7)


def test_the_shell_finds_the_guest_commands(instance):
    done = instance.run("bash -l", input="type shutdown sudo\n")

    assert done.stdout.count(f"{instance.id}/bin/") == 2


def test_a_terminal_is_allocated(instance):
    done = instance.run("tty; echo $TERM", term_type="xterm", term_size=(99, 33))

    assert done.stdout.startswith("/dev/")
    assert done.stdout.endswith("xterm\r\n")


def test_a_terminal_accepts_input_after_a_resize(instance):
    async def typed_after_a_resize():
        async with instance.connect() as connection:
            shell = await connection.create_process(term_type="xterm", term_size=(80, 24))
            await shell.stdout.readuntil(("# ", "$ "))
            shell.change_terminal_size(101, 37)
            # The prompt may be printed again; only the output of stty shows the size.
            shell.stdin.write("stty size; exit\r")
            return await shell.stdout.read()

    assert "37 101" in asyncio.run(asyncio.wait_for(typed_after_a_resize(), 30))


def test_closing_a_command_early_keeps_the_connection(instance):
    async def close_and_run_another():
        async with instance.connect() as connection:
            for pause in (0, 0.3):
                process = await connection.create_process("read -r line")
                await asyncio.sleep(pause)
                process.close()
                await asyncio.sleep(0.2)
            return (await connection.run("echo here")).stdout

    assert asyncio.run(close_and_run_another()) == "here\n"


def test_only_the_launch_key_and_the_user_of_the_image_are_accepted(instance):
    other = asyncssh.generate_private_key("ssh-ed25519")

    async def connect(**more):
        async with instance.connect(**more) as connection:
            return connection.get_extra_info("username")

    assert asyncio.run(connect()) == "ubuntu"
    for stranger in ({"client_keys": [other]}, {"username": "root"}, {"username": "ec2-user"}):
        with pytest.raises(asyncssh.PermissionDenied):
            asyncio.run(connect(**stranger))


def test_files_are_transferred_in_both_directions(instance, tmp_path):
    (tmp_path / "cat.jpg").write_bytes(bytes(range(256)) * 1000)

    async def transfer():
        async with instance.connect() as connection, connection.start_sftp_client() as ftp:
            await ftp.put(str(tmp_path / "cat.jpg"), "cat.jpg")
            await ftp.get("cat.jpg", str(tmp_path / "back.jpg"))

    asyncio.run(transfer())

    assert (tmp_path / "back.jpg").read_bytes() == (tmp_path / "cat.jpg").read_bytes()


def test_a_port_of_the_host_can_be_forwarded(instance):
    async def fetch():
        async def greet(_, writer):
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with instance.connect() as connection:
            reader, _ = await connection.open_connection("localhost", port)
            return await reader.read()

    assert asyncio.run(fetch()) == b"hello"


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs the OpenSSH client")
def test_the_openssh_client_connects_by_id_and_by_address(instance, tmp_path):
    renter = instance.renter
    known = f"{instance.id} {renter.host_key(instance.id)}\n"
    (tmp_path / "known_hosts").write_text(known)
    renter.key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    options = [f"UserKnownHostsFile={tmp_path}/known_hosts", "StrictHostKeyChecking=yes"]
    ssh = ["ssh", "-F", renter.profile.ssh_config, "-i", tmp_path / "key"]
    ssh += [word for option in options for word in ("-o", option)]

    for name in (instance.id, renter.instance(instance.id)["PublicIpAddress"]):
        done = subprocess.run([*ssh, name, "nvidia-smi -L"], capture_output=True, text=True)

        assert done.stdout.startswith("GPU 0: NVIDIA A10G")


def test_concurrent_commands_return_every_status_and_all_output(instance):
    async def one(connection):
        done = await connection.run("seq 2000; ls /no-such-folder", check=False)
        return done.exit_status, len(done.stdout.split()), "no-such-folder" in done.stderr

    async def many():
        async with instance.connect() as connection:
            return [
                each
                for _ in range(10)
                for each in await asyncio.gather(*(one(connection) for _ in range(8)))
            ]

    assert set(asyncio.run(many())) == {(2, 2000, True)}


def test_sudo_runs_the_command_or_names_a_missing_one(instance):
    done = instance.run("sudo -n -u root WHAT=that sh -c 'echo $WHAT'; sudo no-such; sudo")

    assert done.stdout == "that\n"
    assert done.stderr == "sudo: no-such: command not found\n"


def test_nvidia_smi_prints_the_gpu_of_the_type(instance):
    query = "--query-gpu=name,memory.total,utilization.gpu,serial"

    table = instance.run("nvidia-smi").stdout
    plain = instance.run(f"nvidia-smi {query} --format=csv,noheader,nounits").stdout
    units = instance.run(f"nvidia-smi {query} --format=csv").stdout

    assert "NVIDIA A10G" in table
    assert len({len(line) for line in table.splitlines()[1:]}) == 1
    assert plain == "NVIDIA A10G, 22888, 0, [N/A]\n"
    assert units.splitlines()[1] == "NVIDIA A10G, 22888 MiB, 0 %, [N/A]"


def test_a_delayed_shutdown_can_be_cancelled(instance, cloud):
    timer = cloud.folder / "instances" / instance.id / "shutdown"

    said = instance.run("sudo shutdown -h +45").stderr
    was_set = timer.exists()
    instance.run("sudo shutdown -c")

    assert "Shutdown scheduled" in said
    assert was_set
    assert not timer.exists()


def test_a_program_that_still_prints_is_ended_when_its_client_has_left(instance):
    async def leave():
        async with instance.connect() as connection:
            process = await connection.create_process("echo $$; exec yes")
            return int(await process.stdout.readline())

    printing = asyncio.run(leave())

    until(lambda: not psutil.pid_exists(printing))
