"""Compare `%aws_state` with a bare call of boto3, on the practice cloud.

    python benchmarks/aws/aws_state.py

The call is `describe_instances` with an existing client. The same bytes over a kept-alive HTTP
connection show how much of it the practice cloud takes.
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

import practice_instance

TIMES, PROCESSES = 300, 5


def main() -> None:
    with practice_instance.run_instance(Path(tempfile.mkdtemp())):
        for _ in range(PROCESSES):
            subprocess.run([sys.executable, __file__, "measure"], check=True)


def measure() -> None:
    """Time the first `%aws_state` of this process, then later ones, alternating with the others."""
    from IPython.core.interactiveshell import InteractiveShell

    shell = InteractiveShell.instance()
    shell.run_line_magic("load_ext", "dl_magics")
    first = time_call(lambda: shell.run_line_magic("aws_state", ""))
    from dl_magics.actions.aws import context

    id_, client = context.load().selected_id, context.load().session._client("ec2", None)
    raw_call = make_raw_call(client, str(id_))
    calls: dict[str, Callable[[], object]] = {
        "raw": raw_call,
        "boto3": lambda: client.describe_instances(InstanceIds=[id_]),
        "ours": lambda: shell.run_line_magic("aws_state", ""),
    }
    took: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(TIMES):
        for name, call in calls.items():
            took[name].append(time_call(call))
    raw, boto, ours = (1000 * statistics.median(times) for times in took.values())
    print(
        f"first %aws_state {1000 * first:.0f} ms; later {ours:.2f} ms, boto3 {boto:.2f} ms, "
        f"raw HTTP {raw:.2f} ms: {ours / boto:.2f} × boto3"
    )


def make_raw_call(client: object, id_: str) -> Callable[[], bytes]:
    """Return a function that sends the request of boto3, signed by it, over plain HTTP."""
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


def time_call(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


if __name__ == "__main__":
    measure() if sys.argv[1:] == ["measure"] else main()
