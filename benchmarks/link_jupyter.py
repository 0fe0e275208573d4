"""Run the cell on a Jupyter server behind `ssh -L`; started on the laptop by link.py.

The server runs unmodified on the instance and buffers messages for a disconnected session. The
tunnel sets ServerAliveInterval and is restarted one second after it ends, as autossh does. The
client reconnects as JupyterLab does: with the same session, at once, then up to six more times
after a random time below 1, 3, 7, ... 63 s.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import secrets
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

ADDRESS = "127.0.0.1:8888"
TOKEN = secrets.token_hex(16)
HEADERS = {"Authorization": f"token {TOKEN}"}
SESSION = secrets.token_hex(16)
TRIES = 7
PATIENCE = 90.0


async def main(instance: str, config: str, alive: str, code: str, last: str) -> None:
    async with server(instance), tunnel(config, alive):
        kernel = await new_kernel()
        came: list[tuple[float, str]] = []
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await listen(kernel, code, last, came)
        print(json.dumps({"came": came}), flush=True)


@asynccontextmanager
async def server(instance: str) -> AsyncIterator[None]:
    """Run the server on the loopback of the instance."""
    options = ["--ip=127.0.0.1", "--port=8888", "--ServerApp.port_retries=0", "--allow-root"]
    with tempfile.TemporaryDirectory() as home:
        running = await asyncio.create_subprocess_exec(
            *("ip", "netns", "exec", instance),
            *(sys.executable, "-m", "jupyter_server", *options, f"--ServerApp.root_dir={home}"),
            env={**os.environ, "HOME": home, "JUPYTER_TOKEN": TOKEN},
            stdin=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            yield
        finally:
            await end(running)


@asynccontextmanager
async def tunnel(config: str, alive: str) -> AsyncIterator[None]:
    """Keep a tunnel to the server open."""
    keeping = asyncio.create_task(keep_tunnel(config, alive))
    try:
        yield
    finally:
        keeping.cancel()
        with suppress(asyncio.CancelledError):
            await keeping


async def keep_tunnel(config: str, alive: str) -> None:
    options = [f"ServerAliveInterval={alive}", "ExitOnForwardFailure=yes"]
    words = ["-F", config, "-S", "none", *(word for each in options for word in ("-o", each))]
    while True:
        ssh = await asyncio.create_subprocess_exec(
            *("ssh", *words, "-N", "-L", f"{ADDRESS}:{ADDRESS}", "host"),
            stdin=DEVNULL,
            stderr=DEVNULL,
        )
        try:
            await ssh.wait()
        finally:
            await end(ssh)
        await asyncio.sleep(1)


async def end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
        await process.wait()


async def new_kernel() -> str:
    """Return the id of a new kernel, as soon as the tunnel and the server answer."""
    url = f"http://{ADDRESS}/api/kernels"
    async with asyncio.timeout(PATIENCE):
        while True:
            with suppress(OSError, HTTPClientError):
                request = HTTPRequest(url, method="POST", body="{}", headers=HEADERS)
                return json.loads((await AsyncHTTPClient().fetch(request)).body)["id"]
            await asyncio.sleep(0.2)


async def listen(kernel: str, code: str, last: str, came: list[tuple[float, str]]) -> None:
    """Run the code; record its output and the time of each message, reconnecting as needed."""
    url = f"ws://{ADDRESS}/api/kernels/{kernel}/channels?session_id={SESSION}"
    request_id, attempts = "", 0
    while attempts < TRIES:
        await asyncio.sleep(random.uniform(0, 2**attempts - 1))
        attempts += 1
        try:
            socket = await websocket_connect(HTTPRequest(url, headers=HEADERS, connect_timeout=60))
        except (OSError, HTTPClientError):
            continue
        attempts = 0
        await send(socket, "kernel_info_request", {})
        while written := await socket.read_message():
            message = json.loads(written)
            if not request_id and message["header"]["msg_type"] == "kernel_info_reply":
                request_id = await send(socket, "execute_request", {"code": code, "silent": False})
                print("begun", flush=True)
            if message["msg_type"] == "stream" and message["parent_header"]["msg_id"] == request_id:
                came.append((time.monotonic(), message["content"]["text"]))
                if f"{last}\n" in message["content"]["text"]:
                    return


async def send(socket: WebSocketClientConnection, kind: str, content: dict) -> str:
    """Send a request as JupyterLab does; return its id."""
    ours = secrets.token_hex(16)
    header = {
        "msg_id": ours,
        "msg_type": kind,
        "session": SESSION,
        "username": "",
        "version": "5.4",
    }
    message = {"header": header, "parent_header": {}, "metadata": {}, "content": content}
    await socket.write_message(json.dumps({**message, "channel": "shell", "buffers": []}))
    return ours


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
