"""Call a function of dl_magics on a host, and show how far it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dl_magics.remote_code import runner
from dl_magics.remote_code.runner import Progress
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget


def call_on_host(
    target: SshTarget,
    python: str,
    function: Callable[..., Any],
    arguments: Mapping[str, Any],
    *,
    activate: str = "",
    variables: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Call a function in a process of its own, so that it does not wait for a cell that runs.

    `progress` is called in this thread with what is done, and of how much. An interrupt ends the
    process on the host, at the next time that it says so.
    """
    latest: list[tuple[int, int]] = []

    def receive(done: int, total: int) -> None:
        latest[:] = [(done, total)]

    def show() -> None:
        if latest and progress:
            progress(*latest.pop())

    return blocking.wait_for(
        runner.run(
            target,
            python,
            function,
            arguments,
            activate=activate,
            variables=variables,
            progress=receive if progress else None,
        ),
        show,
    )
