"""Call a function of dl_magics inside the GPU kernel: a cell with the same bundle and request.

The function gets the namespace of the kernel's cells first. Its errors arrive in the kernel's
execute_reply and are restored by the same table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from dl_magics.errors import BY_NAME, DLMagicsError, KernelDied, KernelError
from dl_magics.remote_code import bundle, runner
from dl_magics.remote_code.request import build_request
from dl_magics.ssh.target import SshTarget

# Leaves no name in the kernel's namespace. Another version of dl_magics is unloaded first.
_CELL = f"""
import json, sys
loaded = sys.modules.get("dl_magics")
if loaded is not None and not str(loaded.__file__).startswith(archive[:-len(".zip")]):
    for name in [name for name in sys.modules if name.partition(".")[0] == "dl_magics"]:
        del sys.modules[name]
sys.path.insert(0, archive)
from {bundle.UNPACK} import import_from
import_from(archive)
from dl_magics.remote_code import entry
entry.call(json.loads(request), user)
"""
_FIX = "%%gpu runs a cell in the GPU kernel; %gpu_restart restarts it."


class CellAborted(KernelError, status=409):
    """The GPU kernel cleared its queue without running the cell."""


def build_aborted() -> CellAborted:
    """Return the error for a reply with the status `aborted`."""
    return CellAborted(
        "The GPU kernel did not run this cell: it cleared its queue, as another cell failed.",
        fix="Run the cell again.",
    )


async def build_cell(
    target: SshTarget, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> str:
    """Upload the bundle and return the cell that calls `function(namespace, **arguments)`."""
    names = {
        "archive": await runner.upload_bundle(target),
        "request": build_request(function, arguments),
    }
    given = ", ".join(f"{name!r}: {value!r}" for name, value in names.items())
    return f"exec({_CELL!r}, {{{given}, 'user': globals()}})"


def raise_failure(messages: Iterable[Mapping[str, Any]]) -> None:
    """Consume the messages of a cell and raise its error if it failed."""
    for _ in checked_messages(messages):
        pass


def checked_messages(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """Yield the messages of a cell; raise its error after its reply if it failed.

    Raises
    ------
    DLMagicsError
        as `find_failure` returns it.
    """
    for message in messages:
        yield message
        if failure := find_failure(message):
            raise failure


def find_failure(message: Mapping[str, Any]) -> DLMagicsError | None:
    """Return the error of a cell from its reply; None from any other message.

    It is the error that the function raised; a KernelDied for any other exception.
    """
    content = message["content"]
    if message["header"]["msg_type"] != "execute_reply" or content["status"] == "ok":
        return None
    return _restore(content)


def _restore(content: Mapping[str, Any]) -> DLMagicsError:
    if content["status"] == "aborted":
        return build_aborted()
    name, lines = content.get("ename", ""), content.get("traceback") or [""]
    message = content.get("evalue") or name or "The cell was interrupted"
    # The two lines of `DLMagicsError._render_traceback_`; the second is the fix.
    fix = lines[-1].strip() if name in BY_NAME and len(lines) == 2 else _FIX
    return BY_NAME.get(name, KernelDied)(message, fix=fix)
