"""A file of the journal entries received over a link; a new process resumes from it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.journal_entry import JournalEntry, encode_buffers
from dl_magics.gpu_kernel.link.long_entries import read_line
from dl_magics.gpu_kernel.link.stream import encode_line


def encode_entry(entry: JournalEntry) -> bytes:
    """Return the line of an entry: as the agent writes it, but never compressed."""
    return encode_line(
        {"n": entry.n, "t": entry.at, "ch": entry.channel, "m": encode_buffers(entry.message)}
    )


class JournalFile:
    """Entries as lines; `n` is the number of the last one. An incomplete last line is removed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.n = 0
        whole = 0
        if path.exists():
            for line in path.read_bytes().splitlines(keepends=True):
                if line.endswith(b"\n"):
                    self.n = read_line(line).n
                    whole += len(line)
            os.truncate(path, whole)

    def entries(self) -> Iterator[JournalEntry]:
        for line in self._path.read_bytes().splitlines(keepends=True):
            yield read_line(line)

    async def record(self, link: AgentConnection) -> None:
        """Append every entry of a link until it is closed."""
        with self._path.open("ab", buffering=0) as file:
            try:
                async for entry in link.entries():
                    file.write(encode_entry(entry))
                    self.n = entry.n
            except asyncio.CancelledError:
                await link.close()
                raise
