"""Another user of this computer, or a web page, tries to be or to use the practice cloud."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import stat
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import psutil
import pytest

from dl_magics import practice
from dl_magics.practice import proof
from dl_magics.practice.process import PracticeCloud
from support.ec2_client import until, use

SQUAT = """
import http.server, json, sys
class Squatter(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps([self.path, dict(self.headers), body.decode()]) + "\\n")
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
    do_GET = do_POST
    def log_message(self, *words):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Squatter)
print("listening", flush=True)
server.serve_forever()
"""
# What another user finds out: processes and their command lines, environments and files.
LOOK = """
import glob, os, sys
for folder in glob.glob("/proc/[0-9]*"):
    for name in ("cmdline", "environ"):
        try:
            print(open(f"{folder}/{name}", errors="replace").read().replace("\\0", " "))
        except OSError:
            pass
for path in sys.argv[1:]:
    try:
        print(open(path, "rb").read())
    except PermissionError:
        pass
"""
SSH = """
import subprocess, sys
port, folder = sys.argv[1:]
subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder + "/key"], check=True)
for user in ("ubuntu", "ec2-user", "root"):
    command = ["ssh", "-F", "none", "-p", port, "-i", folder + "/key", "-o", "BatchMode=yes"]
    command += ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
    done = subprocess.run([*command, user + "@127.0.0.1", "id"], capture_output=True, text=True)
    print(done.returncode, done.stdout, done.stderr.strip().splitlines()[-1:])
"""
SECRET = "the user data has a secret"


@pytest.fixture(scope="module")
def cloud(session_open_folder):
    folder = session_open_folder / "practice"
    yield practice.start_cloud(folder, delay=0.1, boot=0, tied=True)
    practice.stop_cloud(folder)


@pytest.fixture
def renter(cloud, monkeypatch):
    return use(monkeypatch, practice.ensure_profile(cloud.folder))


@pytest.fixture(scope="module")
def instance(cloud):
    """An instance that answers, with a secret in its user data."""
    with pytest.MonkeyPatch.context() as patch:
        renter = use(patch, practice.ensure_profile(cloud.folder))
        instance_id = renter.launch(UserData=SECRET)
        metadata = renter.run(instance_id, "echo $AWS_EC2_METADATA_SERVICE_ENDPOINT").stdout.strip()
    return instance_id, metadata


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> int:
    """Return the HTTP status of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        request = urllib.request.Request(url, body, named, method=method)
        return int(direct.open(request, timeout=30).status)
    except urllib.error.HTTPError as error:
        return error.code


def test_another_program_at_the_port_learns_nothing_and_is_not_believed(
    open_folder, other_user, monkeypatch
):
    folder, seen = open_folder / "practice", open_folder / "seen"
    killed = practice.start_cloud(folder, tied=True)
    old_key = practice.ensure_profile(folder).credentials_file.read_text()
    os.kill(killed.pid, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(killed.pid) or zombie(killed.pid))
    open_folder.chmod(0o777)
    squatter = other_user.start(SQUAT, killed.port, seen)
    try:
        assert squatter.stdout.readline() == "listening\n"

        assert practice.find_cloud(folder) is None
        assert practice.find_foreign_port(folder) == killed.port
        started = practice.start_cloud(folder, tied=True)
        renter = use(monkeypatch, practice.ensure_profile(folder))
        assert renter.ec2.describe_instances()["Reservations"] == []
    finally:
        squatter.kill()
        practice.stop_cloud(folder)

    assert started.port != killed.port
    requests = [json.loads(line) for line in seen.read_text().splitlines()]
    assert {path for path, _, _ in requests} == {"/_practice/use"}
    new_key = practice.ensure_profile(folder).credentials_file.read_text()
    secrets = {killed.secret, started.secret, *re.findall(r" = (\S+)", old_key + new_key)}
    assert len(secrets) == 6
    assert not [secret for secret in secrets if secret in seen.read_text()]


def zombie(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


class Recorded(BaseHTTPRequestHandler):
    """Answers as the practice cloud answered another request, or with a proof of its own."""

    proof = ""

    def do_POST(self) -> None:
        self.send_response(200)
        self.send_header(proof.PROOF_HEADER, self.proof)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def impostor():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Recorded)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    "made_for",
    [
        {"nonce": "recorded"},
        {"command": "stop"},
        {"port": 1},
        {"secret": "guessed"},
        {"direction": "request"},
        {},
    ],
    ids=str,
)
def test_only_the_proof_of_this_response_is_believed(impostor, tmp_path, monkeypatch, made_for):
    port = impostor.server_port
    cloud = PracticeCloud(tmp_path, "secret", os.getpid(), port)
    monkeypatch.setattr(proof, "create_nonce", lambda: "now")
    values = {"secret": "secret", "port": port, "command": "", "nonce": "now"}
    exchange = proof.Exchange(**{name: made_for.get(name, value) for name, value in values.items()})
    if "direction" in made_for:
        Recorded.proof = exchange.prove_request(b"")
    else:
        Recorded.proof = exchange.prove_response(b"{}")

    if made_for:
        with pytest.raises(OSError, match=f"no practice cloud answers at port {port}"):
            cloud.send_command("")
    else:
        cloud.send_command("")


@pytest.mark.parametrize("command", ["", "stop", "fault", "clear-faults"])
def test_a_command_without_its_proof_is_refused(cloud, command):
    url = f"{cloud.url}/_practice/{command}"
    nonce = proof.create_nonce()
    right = proof.Exchange(cloud.secret, cloud.port, command, nonce).prove_request(b"{}")
    wrong = proof.Exchange("guessed", cloud.port, command, nonce).prove_request(b"{}")
    shown = {"X_Practice_Nonce": nonce}

    assert ask(url, "POST", b"{}") == 403
    assert ask(url, "POST", b"{}", X_Practice=cloud.secret) == 403
    assert ask(url, "POST", b"{}", **shown, X_Practice_Proof=wrong) == 403
    assert ask(url, "POST", b'{"name": "x"}', **shown, X_Practice_Proof=right) == 403
    assert practice.find_cloud(cloud.folder) == cloud


def test_a_recorded_command_does_nothing(cloud):
    exchange = proof.Exchange(cloud.secret, cloud.port, "", proof.create_nonce())
    shown = {"X_Practice_Nonce": exchange.nonce, "X_Practice_Proof": exchange.prove_request(b"")}

    first, second = (ask(f"{cloud.url}/_practice/", "POST", **shown) for _ in range(2))

    assert (first, second) == (200, 403)


@pytest.mark.parametrize(
    "header",
    [
        {"Host": "rebound.example"},
        {"Host": "rebound.example:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": "127.0.0.1.rebound.example:{port}"},
        {"Origin": "http://rebound.example"},
        {"Origin": "http://127.0.0.1:{port}"},
        {"Origin": "null"},
        {"Referer": "http://rebound.example/"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Mode": "no-cors"},
    ],
    ids=str,
)
def test_a_web_page_reaches_nothing(cloud, instance, header):
    _, metadata = instance
    sent = {name: value.format(port=cloud.port) for name, value in header.items()}
    exchange = proof.Exchange(cloud.secret, cloud.port, "", proof.create_nonce())
    shown = {"X_Practice_Nonce": exchange.nonce, "X_Practice_Proof": exchange.prove_request(b"")}
    ttl = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}

    assert ask(f"{cloud.url}/_practice/", "POST", **shown, **sent) == 403
    assert ask(f"{metadata}/latest/api/token", "PUT", **ttl, **sent) == 403
    assert ask(cloud.url, "POST", b"Action=DescribeInstances&Version=2016-11-15", **sent) == 403
    assert ask(cloud.url, "OPTIONS", Access_Control_Request_Method="POST", **sent) == 403
    assert ask(f"{metadata}/latest/api/token", "PUT", **ttl) == 200


@pytest.mark.parametrize(
    "path", ["moto-api", "moto-api/data.json", "moto-api/reset", "favicon.ico"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_interface_of_moto_is_not_reachable(cloud, path, method):
    assert ask(f"{cloud.url}/{path}", method) == 404
    assert ask(f"{cloud.url}//{path}", method) == 404


@pytest.mark.parametrize("path", ["latest/user-data", "latest/meta-data/", "latest/api/token"])
def test_only_the_instance_may_ask_for_its_metadata(cloud, instance, path):
    instance_id, metadata = instance
    ttl = {"X_aws_ec2_metadata_token_ttl_seconds": "60"}

    for key in ("", instance_id, "0" * 32, metadata[-32:].upper()):
        assert ask(f"{cloud.url}/_practice/metadata/{key}/{path}", "PUT", **ttl) == 403
        assert ask(f"{cloud.url}/_practice/metadata/{key}/{path}") == 403


def test_another_user_sees_no_secret_in_processes_and_files(cloud, instance, renter, other_user):
    instance_id, metadata = instance
    files = [each for each in cloud.folder.rglob("*") if each.is_file() and not each.is_symlink()]
    credentials = renter.profile.credentials_file.read_text()

    seen = other_user.run(LOOK, *files)

    host_key = cloud.folder / "instances" / instance_id / "etc" / "ssh" / "ssh_host_ed25519_key"
    assert host_key in files
    assert str(cloud.folder) in seen  # in the command lines
    secrets = {cloud.secret, SECRET, metadata[-32:], *re.findall(r" = (\S+)", credentials)}
    assert len(secrets) == 5
    assert not [secret for secret in secrets if secret in seen]
    assert "PRIVATE KEY" not in seen


def test_what_the_practice_cloud_writes_is_for_its_owner_only(cloud, instance):
    instance_id, _ = instance
    host = cloud.folder / "instances" / instance_id
    # What is below the folder of an instance is the instance's own file system.
    ours = [each for each in cloud.folder.rglob("*") if host not in each.parents]

    wider = {
        str(path): oct(stat.S_IMODE(path.lstat().st_mode))
        for path in [cloud.folder, *ours]
        if stat.S_IMODE(path.lstat().st_mode) != (0o700 if path.is_dir() else 0o600)
    }

    assert not wider
    secret = [host / each for each in ("user-data", "console", "home/.ssh/authorized_keys")]
    assert [stat.S_IMODE(each.stat().st_mode) for each in secret] == [0o600] * 3


def test_another_user_cannot_log_in_to_an_instance(cloud, instance, open_folder, other_user):
    config = (cloud.folder / "ssh_config").read_text()
    port = re.search(rf"{instance[0]}\n  HostName 127.0.0.1\n  Port (\d+)", config)[1]
    open_folder.chmod(0o777)

    refused = other_user.run(SSH, port, open_folder).splitlines()

    assert len(refused) == 3
    assert all(each.startswith("255  ") and "Permission denied" in each for each in refused)


def test_a_program_that_never_answers_does_not_keep_the_practice_cloud_from_starting(
    open_folder, monkeypatch
):
    monkeypatch.setattr("dl_magics.practice.process.PROBE_SECONDS", 0.5)
    folder = open_folder / "practice"
    folder.mkdir(mode=0o700)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        record = {"secret": "old", "pid": 1, "port": silent.getsockname()[1]}
        (folder / "practice.json").write_text(json.dumps(record))
        try:
            assert practice.start_cloud(folder, tied=True) == practice.find_cloud(folder)
        finally:
            practice.stop_cloud(folder)
