from __future__ import annotations

import asyncio
import json
import os
import pickle
import queue
import subprocess
import sys

import pytest

from dl_magics.crew import restricted_pickle
from dl_magics.crew.certificates import Authority
from dl_magics.crew.coordination import Coordination
from dl_magics.ssh import blocking
from dl_magics.training.crew import batches

# A worker of Dask with the credentials of a crew that sends whatever it likes.
HOSTILE = """
import asyncio, json, os, sys
from distributed import Worker, rpc
from distributed.protocol import to_serialize
from dl_magics.training.crew import dask_settings, task
asked = json.loads(sys.stdin.readline())

class Evil(Exception):
    def __reduce__(self):
        return os.system, (f"echo $PPID >> {asked['mark']}",)

def compute_batch(packed):
    if asked["how"] == "result":
        return Evil()
    if asked["how"] == "raise":
        raise Evil()
    return task.pack_failure("no features")

async def work():
    dask_settings.configure()
    security = dask_settings.make_security(**asked["credentials"])
    task.compute_batch = compute_batch
    async with Worker(
        asked["scheduler"], nthreads=1, host="127.0.0.1", security=security, dashboard=False
    ) as worker:
        if asked["how"] == "call":
            import cloudpickle
            try:
                await worker.scheduler.run_function(function=cloudpickle.dumps(Evil()))
            except BaseException:
                pass
        if asked["how"] == "event":
            worker.log_event("warn", {"message": cloudpickle_dumps(Evil())})
        await worker.finished()

def cloudpickle_dumps(value):
    import cloudpickle
    return cloudpickle.dumps(value)

asyncio.run(work())
"""


@pytest.mark.parametrize("how", ["result", "raise", "call", "event"])
def test_what_a_worker_sends_runs_no_code_on_this_computer(how, tmp_path):
    mark, frames, authority = tmp_path / "ran", queue.Queue(), Authority()
    scheduler = blocking.wait_for(Coordination.open(authority.issue("scheduler"), frames.put))
    worker = subprocess.Popen([sys.executable, "-c", HOSTILE], stdin=subprocess.PIPE, text=True)
    try:
        asked = {
            "how": how,
            "mark": str(mark),
            "credentials": authority.issue("worker").to_json(),
            "scheduler": f"tls://127.0.0.1:{scheduler.port}",
        }
        worker.stdin.write(json.dumps(asked) + "\n")
        worker.stdin.flush()
        assert frames.get(timeout=60).op == "joined"
        blocking.call_in_loop(lambda: scheduler.send("submit", b"batch", id=1))
        answer = frames.get(timeout=60)
    finally:
        worker.kill()
        worker.wait()
        blocking.wait_for(scheduler.close())

    assert answer.op == ("failed" if how in ("result", "raise") else "done")
    assert answer.values["id"] == "1"
    if answer.op == "done":
        with pytest.raises(batches.BadFeatures, match="it failed: no features"):
            batches.unpack_features(answer.payload, (1, 1))
    # Dask loads an exception in the worker itself, too.
    assert not mark.exists() or set(mark.read_text().split()) == {str(worker.pid)}


def test_who_has_no_certificate_of_the_crew_is_no_worker(tmp_path):
    frames = queue.Queue()
    scheduler = blocking.wait_for(Coordination.open(Authority().issue("scheduler"), frames.put))
    stranger = Authority().issue("worker")
    try:
        with pytest.raises((OSError, asyncio.IncompleteReadError)):
            blocking.wait_for(greet(scheduler.port, stranger, tmp_path))
    finally:
        blocking.wait_for(scheduler.close())
    assert frames.empty()


async def greet(port, credentials, folder):
    import ssl

    (folder / "crt").write_text(credentials.certificate)
    (folder / "key").write_text(credentials.key)
    context = ssl.create_default_context(cadata=credentials.authority)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(folder / "crt", folder / "key")
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    writer.write(b"hello")
    await writer.drain()
    await reader.readexactly(1000)


def test_a_restricted_process_loads_what_is_listed_and_nothing_else():
    code = (
        "import pickle, sys, json\n"
        f"from {restricted_pickle.__name__} import restrict\n"
        "evil = pickle.dumps(print)\n"
        "restrict([('builtins', 'bytes')])\n"
        "assert pickle.loads(pickle.dumps({'a': [1, b'x']})) == {'a': [1, b'x']}\n"
        "import io\n"
        "for load in (pickle.loads, lambda data: pickle.Unpickler(io.BytesIO(data)).load()):\n"
        "    try:\n"
        "        load(evil)\n"
        "    except pickle.UnpicklingError as error:\n"
        "        print(error)\n"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    ).stdout

    assert said.splitlines() == 2 * ["builtins.print may not be unpickled here"]
    assert pickle.loads(pickle.dumps(print)) is print
