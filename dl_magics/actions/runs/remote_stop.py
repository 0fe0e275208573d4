"""Pass a stop that is requested on this computer on to the host where the run trains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DLMagicsError
from dl_magics.runs import stop_request
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.ssh.retry import retry

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_BEFORE_REPEAT = 2.0
_SECONDS_TO_ARRIVE = 3.0


@contextmanager
def forwarding(folder: Path, origin: RemoteOrigin, stop: Callable[[], bool]) -> Iterator[None]:
    """Watch in the background: while a stop is requested, create the stop file on the host.

    A stop is requested by `stop()` returning True or by the stop file in the local folder.
    """

    def is_requested() -> bool:
        return stop() or stop_request.is_stop_requested(folder)

    watching = blocking.start_task(_forward(is_requested, origin))
    try:
        yield
    finally:
        watching.cancel()


def send_stop(origin: RemoteOrigin) -> bool:
    """Create the stop file on the host; return whether it arrived within some seconds."""
    sending = blocking.start_task(_send(origin))
    try:
        sending.result(_SECONDS_TO_ARRIVE)
    except (TimeoutError, KeyboardInterrupt):  # a further interrupt ends the wait
        return False
    finally:
        sending.cancel()  # one that has ended stays as it is
    return True


async def _forward(is_requested: Callable[[], bool], origin: RemoteOrigin) -> None:
    """Send each request, and repeat it: a host that begins to resume the run deletes it."""
    while True:
        while not is_requested():
            await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)
        await _send(origin)
        await asyncio.sleep(_SECONDS_BEFORE_REPEAT)


async def _send(origin: RemoteOrigin) -> None:
    host, path = SshHost.from_json(origin.host), f"{origin.run_folder}/{stop_request.FILE_NAME}"

    async def create_file() -> None:
        await sftp.create_empty_file(await asyncio.to_thread(host.resolve_target), path)

    await retry(create_file, attempts=None, on=(DLMagicsError,))
