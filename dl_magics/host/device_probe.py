"""Ask the framework of an interpreter on a host which GPUs it finds."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.errors import CommandFailed
from dl_magics.host.info import Interpreter
from dl_magics.keras_config import framework_devices
from dl_magics.remote_code import runner
from dl_magics.ssh.target import SshTarget

_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class FrameworkDevices:
    """The version of Keras, its backend, and the names of the GPUs that the backend finds."""

    keras: str = ""
    backend: str = ""
    gpus: tuple[str, ...] = ()
    error: str = ""


async def probe_devices(target: SshTarget, interpreter: Interpreter) -> FrameworkDevices:
    """Import Keras in an interpreter of the host and return what its backend finds.

    The first import on a new instance may take half a minute. If the interpreter crashes or
    hangs, `error` has the reason.
    """
    try:
        found = await runner.run(
            target,
            interpreter.path,
            framework_devices.list_gpus,
            {},
            activate=interpreter.activation,
            timeout=_TIMEOUT_SECONDS,
        )
    except CommandFailed as error:
        return FrameworkDevices(error=str(error))
    return FrameworkDevices(**{**found, "gpus": tuple(found.get("gpus", ()))})
