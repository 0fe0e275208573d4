from __future__ import annotations

import asyncio
import base64
import shutil
import subprocess

import asyncssh
import psutil
import pytest

from support.ec2_client import until


def test_a_command_runs_in_the_home_of_the_host(renter, cloud):
    instance_id = renter.launch()

    done = renter.run(instance_id, "echo $USER; pwd; echo $HOME")

    home = f"{cloud.folder}/instances/{instance_id}/home"
    assert done.stdout.splitlines() == ["ubuntu", home, home]


def test_output_and_exit_status_of_a_command_are_returned(renter):
    instance_id = renter.launch()

    done = renter.run(instance_id, "cat; echo wrong >&2; exit 7", input="right")

    assert (done.stdout, done.stderr, done.exit_status) == ("right", "wrong\n", 7)


def test_the_shell_finds_the_guest_commands(renter):
    instance_id = renter.launch()

    done = renter.run(instance_id, "bash -l", input="type shutdown sudo\n")

    assert done.stdout.count(f"{instance_id}/bin/") == 2


def test_a_terminal_is_allocated(renter):
    instance_id = renter.launch()

    done = renter.run(instance_id, "tty; echo $TERM", term_type="xterm", term_size=(99, 33))

    assert done.stdout.startswith("/dev/")
    assert done.stdout.endswith("xterm\r\n")


def test_a_terminal_accepts_input_after_a_resize(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "true")

    async def typed_after_a_resize():
        async with renter.connect(instance_id) as connection:
            shell = await connection.create_process(term_type="xterm", term_size=(80, 24))
            await shell.stdout.readuntil(("# ", "$ "))
            shell.change_terminal_size(101, 37)
            # The prompt may be printed again; only the output of stty shows the size.
            shell.stdin.write("stty size; exit\r")
            return await shell.stdout.read()

    assert "37 101" in asyncio.run(asyncio.wait_for(typed_after_a_resize(), 30))


def test_closing_a_command_early_keeps_the_connection(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "true")

    async def close_and_run_another():
        async with renter.connect(instance_id) as connection:
            for pause in (0, 0.3):
                process = await connection.create_process("read -r line")
                await asyncio.sleep(pause)
                process.close()
                await asyncio.sleep(0.2)
            return (await connection.run("echo here")).stdout

    assert asyncio.run(close_and_run_another()) == "here\n"


def test_only_the_launch_key_and_the_user_of_the_image_are_accepted(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "true")
    other = asyncssh.generate_private_key("ssh-ed25519")

    async def connect(**more):
        async with renter.connect(instance_id, **more) as connection:
            return connection.get_extra_info("username")

    assert asyncio.run(connect()) == "ubuntu"
    for stranger in ({"client_keys": [other]}, {"username": "root"}, {"username": "ec2-user"}):
        with pytest.raises(asyncssh.PermissionDenied):
            asyncio.run(connect(**stranger))


def test_files_are_transferred_in_both_directions(renter, tmp_path):
    instance_id = renter.launch()
    renter.run(instance_id, "true")
    (tmp_path / "cat.jpg").write_bytes(bytes(range(256)) * 1000)

    async def transfer():
        async with renter.connect(instance_id) as connection, connection.start_sftp_client() as ftp:
            await ftp.put(str(tmp_path / "cat.jpg"), "cat.jpg")
            await ftp.get("cat.jpg", str(tmp_path / "back.jpg"))

    asyncio.run(transfer())

    assert (tmp_path / "back.jpg").read_bytes() == (tmp_path / "cat.jpg").read_bytes()


def test_a_port_of_the_host_can_be_forwarded(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "true")

    async def fetch():
        async def greet(_, writer):
            writer.write(b"hello")
            writer.close()

        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with renter.connect(instance_id) as connection:
            reader, _ = await connection.open_connection("localhost", port)
            return await reader.read()

    assert asyncio.run(fetch()) == b"hello"


@pytest.mark.skipif(not shutil.which("ssh"), reason="needs the OpenSSH client")
def test_the_openssh_client_connects_by_id_and_by_address(renter, tmp_path):
    instance_id = renter.launch("g4dn.xlarge")
    (tmp_path / "known_hosts").write_text(f"{instance_id} {renter.host_key(instance_id)}\n")
    renter.key.write_private_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o600)
    options = [f"UserKnownHostsFile={tmp_path}/known_hosts", "StrictHostKeyChecking=yes"]
    ssh = ["ssh", "-F", renter.profile.ssh_config, "-i", tmp_path / "key"]
    ssh += [word for option in options for word in ("-o", option)]

    for name in (instance_id, renter.instance(instance_id)["PublicIpAddress"]):
        done = subprocess.run([*ssh, name, "nvidia-smi -L"], capture_output=True, text=True)

        assert done.stdout.startswith("GPU 0: Tesla T4")


def test_the_home_survives_a_stop(renter):
    instance_id = renter.launch()
    renter.run(instance_id, "echo weights > model.h5")

    renter.stop(instance_id)
    renter.start(instance_id)

    assert renter.run(instance_id, "cat model.h5").stdout == "weights\n"


def test_the_host_key_survives_a_stop_and_is_in_the_console_output(renter):
    instance_id = renter.launch()
    first = renter.host_key(instance_id)

    renter.stop(instance_id)
    renter.start(instance_id)

    console = renter.ec2.get_console_output(InstanceId=instance_id, Latest=True)["Output"]
    assert renter.host_key(instance_id) == first
    assert first in console
    assert asyncssh.import_public_key(first).get_fingerprint("sha256") in console


def test_the_host_key_in_the_user_data_is_used(renter):
    key = asyncssh.generate_private_key("ssh-ed25519")
    private = key.export_private_key().decode().replace("\n", "\n    ")
    user_data = f"#cloud-config\nssh_keys:\n  ed25519_private: |\n    {private}\n"

    instance_id = renter.launch(UserData=user_data)

    assert renter.host_key(instance_id) == key.export_public_key().decode().strip()


def test_a_host_key_can_be_replaced_as_on_ubuntu(renter):
    instance_id = renter.launch()
    first = renter.host_key(instance_id)
    steps = (
        "ssh-keygen -q -t ed25519 -N '' -f new",
        "sudo mv new /etc/ssh/ssh_host_ed25519_key",
        "sleep 0.3",  # for a moment the two files do not belong together
        "sudo mv new.pub /etc/ssh/ssh_host_ed25519_key.pub",
        "sudo systemctl restart ssh",
        "sudo cat /etc/ssh/ssh_host_ed25519_key.pub",
    )

    done = renter.run(instance_id, " && ".join(steps))

    assert " ".join(done.stdout.split()[:2]) == renter.host_key(instance_id) != first


METADATA = "$AWS_EC2_METADATA_SERVICE_ENDPOINT/latest"


def test_the_metadata_service_answers_on_the_host(renter):
    instance_id = renter.launch(UserData="hello")
    ask = f"curl -sf -H X-aws-ec2-metadata-token:$token {METADATA}"

    done = renter.run(
        instance_id,
        f"token=$(curl -sf -X PUT -H X-aws-ec2-metadata-token-ttl-seconds:60 {METADATA}/api/token);"
        f"{ask}/user-data; echo; {ask}/meta-data/instance-id; echo; "
        f"{ask}/dynamic/instance-identity/document; "
        f"{ask}/meta-data/spot/instance-action || echo none",
    )

    user_data, own_id, rest = done.stdout.split("\n", 2)
    assert (user_data, own_id) == ("hello", instance_id)
    assert '"region": "us-east-1"' in rest
    assert rest.endswith("none\n")


def test_botocore_reads_the_metadata_of_the_instance(renter):
    code = "from botocore import session, utils; provider = utils.IMDSRegionProvider"
    command = f".venvs/keras/bin/python -c '{code}; print(provider(session.Session()).provide())'"

    done = renter.run(renter.launch(), command)

    assert done.stdout == "us-east-1\n", done.stderr


def test_the_metadata_service_refuses_what_imdsv2_refuses(renter):
    ttl = "-H X-aws-ec2-metadata-token-ttl-seconds"
    refused = {
        "/user-data": 401,
        "/user-data -H X-aws-ec2-metadata-token:guessed": 401,
        "/user-data -X POST": 405,
        "/api/token -X PUT": 400,
        f"/api/token -X PUT {ttl}:0": 400,
        f"/api/token -X PUT {ttl}:21601": 400,
        f"/api/token {ttl}:60": 405,
        f"/api/token -X PUT {ttl}:60 -H X-Forwarded-For:192.0.2.1": 403,
        f"/api/token -X PUT {ttl}:60 -H Host:rebound.example": 403,
        f"/api/token -X PUT {ttl}:60 -H Origin:http://rebound.example": 403,
    }
    ask = "curl -s -o /dev/null -w '%{http_code}\n'"

    done = renter.run(renter.launch(), "; ".join(f"{ask} {METADATA}{each}" for each in refused))

    assert dict(zip(refused, map(int, done.stdout.split()), strict=True)) == refused


def test_the_user_data_is_an_attribute_of_the_instance(renter):
    instance_id = renter.launch(UserData="hello")

    found = renter.ec2.describe_instance_attribute(InstanceId=instance_id, Attribute="userData")

    assert base64.b64decode(found["UserData"]["Value"]) == b"hello"


@pytest.mark.parametrize(
    "command", ["sudo shutdown -h now", "shutdown now", "sudo -n poweroff", "systemctl poweroff"]
)
def test_a_shutdown_on_the_host_stops_the_instance(renter, command):
    instance_id = renter.launch()

    renter.run(instance_id, command)

    renter.until(instance_id, "stopped")
    reason = renter.instance(instance_id)["StateReason"]["Code"]
    assert reason == "Client.InstanceInitiatedShutdown"


def test_a_shutdown_on_the_host_terminates_if_so_launched(renter):
    instance_id = renter.launch(InstanceInitiatedShutdownBehavior="terminate")

    renter.run(instance_id, "sudo shutdown -h now")

    renter.until(instance_id, "terminated")


def test_a_delayed_shutdown_can_be_cancelled(renter, cloud):
    instance_id = renter.launch()
    timer = cloud.folder / "instances" / instance_id / "shutdown"

    said = renter.run(instance_id, "sudo shutdown -h +45").stderr
    was_set = timer.exists()
    renter.run(instance_id, "sudo shutdown -c")

    assert "Shutdown scheduled" in said
    assert was_set
    assert not timer.exists()


def test_a_reboot_ends_processes_and_keeps_the_address(renter):
    instance_id = renter.launch()
    address = renter.instance(instance_id)["PublicIpAddress"]
    old = int(renter.run(instance_id, "echo $PPID").stdout)

    renter.run(instance_id, "sudo reboot")

    until(lambda: not psutil.pid_exists(old))
    assert renter.run(instance_id, "echo back").stdout == "back\n"
    assert renter.instance(instance_id)["PublicIpAddress"] == address


def test_a_reboot_through_the_api_ends_processes(renter):
    instance_id = renter.launch()
    old = int(renter.run(instance_id, "echo $PPID").stdout)

    renter.ec2.reboot_instances(InstanceIds=[instance_id])

    until(lambda: not psutil.pid_exists(old))
    assert renter.run(instance_id, "echo back").stdout == "back\n"


def test_a_stop_ends_detached_processes(renter):
    instance_id = renter.launch()
    detached = "setsid nohup env -i sleep 600 > /dev/null 2>&1 < /dev/null & echo $!; sleep 0.2"
    twice = (
        f"({detached}) ; setsid sh -c 'sleep 600 > /dev/null & echo $!' < /dev/null 2> /dev/null; "
    )
    pids = [int(pid) for pid in renter.run(instance_id, twice + "echo $PPID").stdout.split()]
    assert all(psutil.pid_exists(pid) for pid in pids)

    renter.stop(instance_id)

    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_the_address_of_a_stopped_instance_refuses_connections(renter):
    instance_id = renter.launch()
    address = renter.instance(instance_id)["PublicIpAddress"]
    renter.run(instance_id, "true")
    renter.stop(instance_id)

    async def connect():
        await asyncssh.connect(address, config=[str(renter.profile.ssh_config)])

    with pytest.raises(ConnectionRefusedError):
        asyncio.run(connect())


def test_terminating_deletes_the_folder_of_that_instance_only(renter, cloud):
    kept, gone = renter.launch(), renter.launch()
    instances = cloud.folder / "instances"
    (instances / "precious").mkdir()

    renter.ec2.terminate_instances(InstanceIds=[gone])
    renter.until(gone, "terminated")

    assert sorted(each.name for each in instances.iterdir()) == sorted([kept, "precious"])


def test_nvidia_smi_prints_the_gpu_of_the_type(renter):
    instance_id = renter.launch("g5.xlarge")
    query = "--query-gpu=name,memory.total,utilization.gpu,serial"

    table = renter.run(instance_id, "nvidia-smi").stdout
    plain = renter.run(instance_id, f"nvidia-smi {query} --format=csv,noheader,nounits").stdout
    units = renter.run(instance_id, f"nvidia-smi {query} --format=csv").stdout

    assert "NVIDIA A10G" in table
    assert len({len(line) for line in table.splitlines()[1:]}) == 1
    assert plain == "NVIDIA A10G, 22888, 0, [N/A]\n"
    assert units.splitlines()[1] == "NVIDIA A10G, 22888 MiB, 0 %, [N/A]"


@pytest.mark.skipif(bool(shutil.which("nvidia-smi")), reason="this computer has a GPU of its own")
def test_a_type_without_gpus_has_no_nvidia_smi(renter):
    instance_id = renter.launch("t2.micro")

    done = renter.run(instance_id, "nvidia-smi")

    assert done.exit_status == 127
    assert "command not found" in done.stderr


def test_sudo_runs_the_command_or_names_a_missing_one(renter):
    instance_id = renter.launch()

    done = renter.run(
        instance_id, "sudo -n -u root WHAT=that sh -c 'echo $WHAT'; sudo no-such; sudo"
    )

    assert done.stdout == "that\n"
    assert done.stderr == "sudo: no-such: command not found\n"


def test_concurrent_commands_return_every_status_and_all_output(renter):
    instance_id = renter.launch()

    async def one(connection):
        done = await connection.run("seq 2000; ls /no-such-folder", check=False)
        return done.exit_status, len(done.stdout.split()), "no-such-folder" in done.stderr

    renter.run(instance_id, "true")

    async def many():
        async with renter.connect(instance_id) as connection:
            return [
                each
                for _ in range(10)
                for each in await asyncio.gather(*(one(connection) for _ in range(8)))
            ]

    assert set(asyncio.run(many())) == {(2, 2000, True)}


def test_an_instance_without_a_key_pair_refuses_every_login(renter):
    instance_id = renter.client("ec2").run_instances(
        ImageId=renter.image(), InstanceType="t2.micro", MinCount=1, MaxCount=1
    )["Instances"][0]["InstanceId"]
    renter.until(instance_id, "running")

    with pytest.raises(asyncssh.PermissionDenied):
        renter.run(instance_id, "true")
