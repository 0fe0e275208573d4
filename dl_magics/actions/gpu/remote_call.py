"""Call functions of dl_magics inside the GPU kernel of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.actions.gpu.notebook_kernel import Connection
from dl_magics.remote_code import kernel_call
from dl_magics.ssh import blocking


def build_cell(
    connection: Connection, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> str:
    """Return the cell that calls `function(namespace, **arguments)` in the GPU kernel."""
    return blocking.wait_for(kernel_call.build_cell(connection.way.login(), function, arguments))


def call_function(connection: Connection, function: Callable[..., Any], **arguments: Any) -> None:
    """Call `function(namespace, **arguments)` in the GPU kernel and raise what it raises.

    Nothing of it is shown or recorded in the history of the kernel.
    """
    cell = build_cell(connection, function, arguments)
    kernel_call.raise_failure(connection.kernel.execute(cell, silent=True, store_history=False))
