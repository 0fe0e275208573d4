"""Call functions of ours inside the GPU kernel: the same version, and nothing installed there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dl_magics.actions.gpu.notebook_kernel import Connection
from dl_magics.errors import DLMagicsError, KernelDied
from dl_magics.remote_code import bundle
from dl_magics.ssh import blocking, sftp
from dl_magics.store import paths

_ROOM = ".dl_magics/code"

# Runs in the GPU kernel and leaves no name in it. An older version of ours makes way.
_CALL = """
import importlib, json, sys
ours = sys.modules.get("dl_magics")
if ours is not None and not str(ours.__file__).startswith(archive):
    for name in [name for name in sys.modules if name.partition(".")[0] == "dl_magics"]:
        del sys.modules[name]
sys.path[:] = [archive, *(path for path in sys.path if path != archive)]
module, _, function = call.partition(":")
getattr(importlib.import_module(module), function)(user, **json.loads(arguments))
"""


def code(connection: Connection, function: str, arguments: Mapping[str, Any]) -> str:
    """Return the cell that calls `module:function(namespace, **arguments)` of ours there."""
    archive = blocking.wait_for(
        sftp.upload_once(connection.way.login(), bundle.pack(paths.data_folder("code")), _ROOM)
    )
    names = {"archive": archive, "call": function, "arguments": json.dumps(arguments)}
    given = ", ".join(f"{name!r}: {value!r}" for name, value in names.items())
    return f"exec({_CALL!r}, {{{given}, 'user': globals()}})"


def run(connection: Connection, function: str, **arguments: Any) -> None:
    """Call a function of ours there, unseen; raise what it raises."""
    cell = code(connection, function, arguments)
    check(connection.kernel.execute(cell, silent=True, store_history=False))


def check(messages: Iterable[Mapping[str, Any]]) -> None:
    """Go through the messages of a cell and raise if it failed."""
    for _ in failing(messages):
        pass


def failing(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the messages of a cell; raise at its end if it failed: our errors as they were."""
    for message in messages:
        yield message
        content = message["content"]
        if message["header"]["msg_type"] == "execute_reply" and content["status"] != "ok":
            raise _error(content)


def _error(content: Mapping[str, Any]) -> DLMagicsError:
    from dl_magics import errors

    kind = getattr(errors, content.get("ename", ""), KernelDied)
    lines = content.get("traceback") or [""]
    fix = lines[-1].strip() if issubclass(kind, DLMagicsError) and len(lines) == 2 else _FIX
    if not issubclass(kind, DLMagicsError):
        kind = KernelDied
    what = content.get("evalue") or content.get("ename") or "It was interrupted"
    return kind(what, fix=fix)


_FIX = "%%gpu runs a cell there; %gpu_restart starts the GPU kernel anew."
