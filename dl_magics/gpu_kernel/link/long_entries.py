"""Reads journal entries, also those with a message of more than 1 MiB.

The agent stores such a message compressed:
`{"n":…,"t":…,"ch":…,"size":…,"m":{header, parent_header},"zlib":"…"}`, where `zlib` contains the
rest of the message and `size` is its uncompressed size. A message larger than the client accepts is
not sent: the entry names the file of the journal instead. The client shows a notice in its place.
"""

from __future__ import annotations

import binascii
import json
import zlib
from collections.abc import Callable
from typing import Any

from dl_magics.errors import OutputLost
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.link.stream import parse_document
from dl_magics.text import escape_controls

# Far above what a front end can display; this process needs up to three times as much memory.
MAX_ENTRY_BYTES = 256 << 20
# The compressed message of a line is longer than the message only if it is already compressed.
MAX_LONG_LINE_BYTES = MAX_ENTRY_BYTES * 4 // 3 + (1 << 20)
_PACKED = b'"zlib":"'
_SLICE = 1 << 20
_FIX = "Write large results to a file on the host and fetch it: %sync down FILE"


def read_line(line: bytes | bytearray) -> JournalEntry:
    """Return the entry of a line; raises ValueError if it is not a journal entry."""
    at, end = line.rfind(_PACKED) + len(_PACKED), line.rfind(b'"')
    if at < len(_PACKED) or not line.endswith(b'"}\n') or line.find(b'"', at, end) >= 0:
        return read_document(parse_document(bytes(line)))
    document = parse_document(bytes(line[:at] + line[end:]))
    return _unpack(document, lambda: _decompress(memoryview(line)[at:end], document.get("size")))


def read_document(document: dict[str, Any]) -> JournalEntry:
    """Return the entry of a parsed line; raises ValueError if it is not a journal entry."""
    if "file" in document:
        size, limit = document.get("size"), MAX_ENTRY_BYTES >> 20
        megabytes = size >> 20 if isinstance(size, int) else "unknown"
        return _notice(
            document,
            f"An output of {megabytes} MB is too large to be sent here (limit: {limit} MB); "
            f"it is kept on the host, in {escape_controls(str(document['file'])):.500}.",
        )
    if "zlib" in document:
        packed = str(document.pop("zlib"))
        size = document.get("size")
        return _unpack(document, lambda: _decompress(memoryview(packed.encode()), size))
    return JournalEntry.read(document)


def _unpack(document: dict[str, Any], decompress: Callable[[], bytearray]) -> JournalEntry:
    try:
        message = _decode(decompress())
    except (ValueError, zlib.error, RecursionError) as error:
        return _notice(document, f"An output could not be decoded: {error}.")
    return JournalEntry.read({**document, "m": {**_headers(document), **message}})


def _decompress(packed: memoryview, size: object) -> bytearray:
    if not isinstance(size, int) or not 0 <= size <= MAX_ENTRY_BYTES:
        raise ValueError(f"its size {size!r:.50} is not allowed")
    unpacking, data = zlib.decompressobj(), bytearray()
    for at in range(0, len(packed), _SLICE):
        piece = binascii.a2b_base64(packed[at : at + _SLICE])
        data += unpacking.decompress(piece, size + 1 - len(data))
        if len(data) > size:
            raise ValueError(f"it has more than {size} bytes")
    return data


def _decode(data: bytearray) -> dict[str, Any]:
    # A kernel may print bytes that are not valid UTF-8.
    text = data.decode("utf-8", "replace")
    data.clear()
    message = json.loads(text)
    if not isinstance(message, dict):
        raise ValueError("it is not a JSON object")
    return message


def _headers(document: dict[str, Any]) -> dict[str, Any]:
    message = document.get("m")
    message = message if isinstance(message, dict) else {}
    return {name: part for name, part in message.items() if isinstance(part, dict)}


def _notice(document: dict[str, Any], text: str) -> JournalEntry:
    """Return the entry with a notice as its content: a reply stays a reply, so that a cell ends."""
    message = {**_headers(document), "content": {}}
    match document.get("ch"):
        case "shell" | "control":
            message["content"] = {
                "status": "error",
                "ename": OutputLost.__name__,
                "evalue": text,
                "traceback": [f"{OutputLost.__name__}: {text}", f"  {_FIX}"],
            }
        case "iopub":
            message["header"] = {**message.get("header", {}), "msg_type": "stream"}
            message["content"] = {"name": "stderr", "text": f"{text}\n  {_FIX}\n"}
        case "in":
            message["content"] = {"code": ""}
    return JournalEntry.read({**document, "m": message})
