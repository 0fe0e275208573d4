"""Pass a stop that is requested on this computer on to the host where the run trains."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DLMagicsError
from dl_magics.runs import stop_request
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.ssh.retry import retry

_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_ARRIVE = 3.0


@contextmanager
def forwarding(folder: Path, origin: RemoteOrigin, stop: Callable[[], bool]) -> Iterator[None]:
    """Watch in the background: when a stop is requested, create the stop file on the host.

    A stop is requested by `stop()` returning True or by the stop file in the local folder. One that
    is on its way when a second interrupt leaves this has some seconds to arrive.
    """

    def is_requested() -> bool:
        return stop() or stop_request.is_stop_requested(folder)

    path = f"{origin.run_folder}/{stop_request.FILE_NAME}"
    watching = blocking.start_task(_forward(is_requested, SshHost.from_json(origin.host), path))
    try:
        yield
    except (KeyboardInterrupt, GeneratorExit):
        if is_requested():
            with suppress(TimeoutError):
                watching.result(_SECONDS_TO_ARRIVE)
        raise
    finally:
        watching.cancel()


async def _forward(is_requested: Callable[[], bool], host: SshHost, path: str) -> None:
    while not is_requested():
        await asyncio.sleep(_SECONDS_BETWEEN_LOOKS)

    async def request_stop() -> None:
        await sftp.create_empty_file(await asyncio.to_thread(host.resolve_target), path)

    await retry(request_stop, attempts=None, on=(DLMagicsError,))
