"""On the practice cloud: what `%aws_state` costs beside the bare question to EC2.

    python benchmarks/asking.py

The bare question is boto3's `describe_instances` with a client that is there already; the
same bytes over a connection that is kept open show what the cloud itself takes.
"""

from __future__ import annotations

import http.client
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import on_practice

TIMES, PROCESSES = 300, 5


def main() -> None:
    with on_practice.instance(Path(tempfile.mkdtemp())):
        for _ in range(PROCESSES):
            subprocess.run([sys.executable, __file__, "ask"], check=True)


def ask() -> None:
    """Time the first `%aws_state` of this process, then later ones in turn with the others."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "dl_magics")
    first = seconds(lambda: shell.run_line_magic("aws_state", ""))
    from dl_magics.actions.aws import context

    id_, client = context.chosen_id(), context.door()._client("ec2", None)
    send = same_bytes(client, str(id_))
    ways: dict[str, Callable[[], object]] = {
        "raw": send,
        "boto3": lambda: client.describe_instances(InstanceIds=[id_]),
        "ours": lambda: shell.run_line_magic("aws_state", ""),
    }
    took: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TIMES):
        for name, way in ways.items():
            took[name].append(seconds(way))
    raw, boto, ours = (1000 * statistics.median(times) for times in took.values())
    print(
        f"first %aws_state {1000 * first:.0f} ms; later {ours:.2f} ms, boto3 {boto:.2f} ms, "
        f"raw HTTP {raw:.2f} ms: {ours / boto:.2f} × boto3"
    )


def same_bytes(client: object, id_: str) -> Callable[[], bytes]:
    """Return a function that sends what boto3 sent, signed as it signed it."""
    sent: list = []
    client.meta.events.register_last("before-send.ec2", lambda request, **_: sent.append(request))
    client.describe_instances(InstanceIds=[id_])
    client.meta.events.unregister("before-send.ec2")
    request = sent[0]
    host = request.url.split("/")[2]
    connection = http.client.HTTPConnection(host)
    headers = {
        name: value.decode() if isinstance(value, bytes) else value
        for name, value in request.headers.items()
    }

    def send() -> bytes:
        connection.request("POST", "/", request.body, headers)
        return connection.getresponse().read()

    return send


def seconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    ask() if sys.argv[1:] == ["ask"] else main()
