"""SSH hosts in this process: they accept each login and record the commands that they are sent.

A command prints what `ANSWERS` has for a word of it, of a list the next one, or a public key, as
`ssh-keygen` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from unittest import mock

import asyncssh

NEW_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHoFBWXJpVIWlTPyM5NGxbr4c0NKzXU1G1vHFdPEbfr2"
ANSWERS: dict[str, str | list[str]] = {}


class Reader:
    """The output of a command."""

    def __init__(self, text: str) -> None:
        self._text = text

    async def read(self, _: int = -1) -> str:
        text, self._text = self._text, ""
        return text


class Process:
    """A command that has ended."""

    returncode = 0

    def __init__(self, command: str) -> None:
        printed = next((ANSWERS[word] for word in ANSWERS if word in command), NEW_KEY)
        if isinstance(printed, list):
            printed = printed.pop(0)
        self.stdout, self.stderr = Reader(f"{printed}\n"), Reader("")
        self.channel = SimpleNamespace(abort=lambda: None)

    async def wait_closed(self) -> None:
        pass


class Connection:
    """A connection to any host."""

    def __init__(self, commands: list[str]) -> None:
        self._commands = commands

    async def create_process(self, command: str, **_: Any) -> Process:
        self._commands.append(command)
        return Process(command)

    async def run(self, *_: Any, **__: Any) -> None:
        """The first session of a shared connection, which nobody asked for."""

    def get_server_host_key(self) -> asyncssh.SSHKey:
        return asyncssh.import_public_key(NEW_KEY)

    def is_closed(self) -> bool:
        return False

    def abort(self) -> None:
        pass

    def set_tunnel(self, _: Any) -> None:
        pass

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: Any) -> None:
        pass


@contextmanager
def patched_ssh() -> Iterator[list[str]]:
    """Let every SSH connection succeed; yield the commands that are run over them."""
    commands: list[str] = []

    async def connect(**_: Any) -> Connection:
        return Connection(commands)

    async def get_server_host_key(**_: Any) -> asyncssh.SSHKey:
        return asyncssh.import_public_key(NEW_KEY)

    with (
        mock.patch.object(asyncssh, "connect", connect),
        mock.patch.object(asyncssh, "get_server_host_key", get_server_host_key),
    ):
        yield commands
    ANSWERS.clear()
