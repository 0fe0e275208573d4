"""Call functions of dl_magics inside the GPU kernel of a notebook."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.remote_code import kernel_call
from dl_magics.ssh import blocking


def build_cell(
    kernel: NotebookKernel, function: Callable[..., Any], arguments: Mapping[str, Any]
) -> str:
    """Return the cell that calls `function(namespace, **arguments)` in the GPU kernel."""
    return blocking.wait_for(
        kernel_call.build_cell(kernel.host.resolve_target(), function, arguments)
    )


def call_function(kernel: NotebookKernel, function: Callable[..., Any], **arguments: Any) -> None:
    """Call `function(namespace, **arguments)` in the GPU kernel and raise what it raises.

    Nothing of it is shown or recorded in the history of the kernel.
    """
    cell = build_cell(kernel, function, arguments)
    request = kernel.client.execute(
        cell, silent=True, store_history=False, title=f"{function.__name__}()"
    )
    with kernel.client.interrupt_at_exit(request):
        kernel_call.raise_failure(request)


def read_output(kernel: NotebookKernel, function: Callable[..., Any], **arguments: Any) -> str:
    """Call `function(namespace, **arguments)` as `call_function` does; return what it printed."""
    cell = build_cell(kernel, function, arguments)
    request = kernel.client.execute(
        cell, silent=True, store_history=False, title=f"{function.__name__}()"
    )
    with kernel.client.interrupt_at_exit(request):
        return "".join(
            message["content"]["text"]
            for message in kernel_call.checked_messages(request)
            if message["header"]["msg_type"] == "stream" and message["content"]["name"] == "stdout"
        )
