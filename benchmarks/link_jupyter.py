"""What a Jupyter Server on the instance does behind an SSH tunnel; started by link.py.

It is asked as JupyterLab asks: one websocket for the kernel's channels, opened again with the same
session after it closed, so that the server hands over what it kept meanwhile. The tunnel is
started again as soon as it ends, as autossh does.
"""

from __future__ import annotations

import asyncio
import json
import shlex
import sys
import time
import uuid

from tornado.httpclient import AsyncHTTPClient, HTTPError
from tornado.websocket import websocket_connect

PORT, TOKEN = 8899, "benchmark"
LINES = 350
PATIENCE_SECONDS = 100.0
AGAIN_SECONDS = 0.5


async def main(ssh: str, code: str) -> None:
    tunnel = asyncio.ensure_future(tunnelled(shlex.split(ssh)))
    kernel = (await asked("POST", "kernels"))["id"]
    session = uuid.uuid4().hex
    came: list[tuple[float, str]] = []
    reading = asyncio.ensure_future(read(kernel, session, code, came))
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until and f"line {LINES - 1}\n" not in "".join(
        text for _, text in came
    ):
        await asyncio.sleep(0.5)
    reading.cancel()
    print(json.dumps({"came": came}))
    tunnel.cancel()
    await asyncio.gather(tunnel, return_exceptions=True)


async def tunnelled(ssh: list[str]) -> None:
    """Keep a tunnel to the server's port."""
    while True:
        process = await asyncio.create_subprocess_exec(
            *ssh, "-N", "-L", f"{PORT}:127.0.0.1:{PORT}", "there", stderr=asyncio.subprocess.DEVNULL
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.terminate()
        await asyncio.sleep(AGAIN_SECONDS)


async def asked(method: str, path: str) -> dict:
    """Ask the server's REST API, as soon as it answers."""
    url = f"http://127.0.0.1:{PORT}/api/{path}?token={TOKEN}"
    while True:
        try:
            answer = await AsyncHTTPClient().fetch(url, method=method, body="{}")
            return json.loads(answer.body)
        except (OSError, HTTPError):
            await asyncio.sleep(AGAIN_SECONDS)


async def read(kernel: str, session: str, code: str, came: list[tuple[float, str]]) -> None:
    """Run the code once, and note what it prints and when that came."""
    url = f"ws://127.0.0.1:{PORT}/api/kernels/{kernel}/channels?session_id={session}&token={TOKEN}"
    begun = False
    while True:
        try:
            socket = await websocket_connect(url)
        except (OSError, HTTPError):
            await asyncio.sleep(AGAIN_SECONDS)
            continue
        if not begun:
            await socket.write_message(json.dumps(execute(session, code)))
            print("begun", flush=True)
            begun = True
        while (said := await socket.read_message()) is not None:
            message = json.loads(said) if isinstance(said, str) else {"msg_type": "binary"}
            if message["msg_type"] == "stream":
                came.append((time.time(), message["content"]["text"]))


def execute(session: str, code: str) -> dict:
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": "execute_request",
        "session": session,
        "username": "",
        "version": "5.3",
    }
    content = {
        "code": code,
        "silent": False,
        "store_history": True,
        "user_expressions": {},
        "allow_stdin": False,
        "stop_on_error": True,
    }
    return {
        "header": header,
        "parent_header": {},
        "metadata": {},
        "content": content,
        "channel": "shell",
        "buffers": [],
    }


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
