"""The laptop's copy of a journal, so that a client that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path

from dl_magics.gpu_kernel.journal_entry import JournalEntry


class Mirror:
    """A file of the lines that came, and of who we are to the agent; a torn tail is cut off."""

    def __init__(self, path: Path) -> None:
        self.n = 0
        self.boot = ""
        self.name = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file = path.open("ab", buffering=0)
        os.truncate(path, self._read())
        if not self.name:
            self.name = uuid.uuid4().hex
            self._write({"name": self.name})

    def append(self, entry: JournalEntry) -> None:
        """Keep an entry."""
        self._file.write(entry.line)
        self.n = entry.n

    def goes_on(self, since: int, boot: str) -> None:
        """Note after which entry, and from which start of the agent, the next ones come."""
        if (since, boot) != (self.n, self.boot):
            self.n, self.boot = since, boot
            self._write({"since": since, "boot": boot})

    def entries(self) -> Iterator[JournalEntry]:
        """Yield all that is kept."""
        with self._path.open("rb") as file:
            for line in file:
                if line.startswith(b'{"n":'):
                    yield JournalEntry.of(line)

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def _write(self, document: dict[str, object]) -> None:
        self._file.write(json.dumps(document).encode() + b"\n")

    def _read(self) -> int:
        good = 0
        with self._path.open("rb") as file:
            for line in file:
                try:
                    read = json.loads(line) if line.endswith(b"\n") else {}
                except ValueError:
                    break
                if not read:
                    break
                self.n = read.get("n", read.get("since", self.n))
                self.boot = read.get("boot", self.boot)
                self.name = read.get("name", self.name)
                good += len(line)
        return good
