"""Where a data set is checked and split: on the host of the GPU kernel, or on this computer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.data.host_call import call_on_host
from dl_magics.actions.gpu import notebook_kernel, sync
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.data import walk
from dl_magics.errors import BadData
from dl_magics.remote_code.runner import Progress
from dl_magics.ssh import blocking, sftp
from dl_magics.store import paths

_FEATURES_ON_HOST = "~/.dl_magics/features"


@dataclass(frozen=True, slots=True)
class DataPlace:
    """A data set as it is named, its path where it is, and the GPU kernel if that is on a host."""

    named: str
    path: str
    kernel: NotebookKernel | None = None

    @property
    def host(self) -> str:
        """The name of the host; "" is this computer."""
        return self.kernel.host.name if self.kernel else ""

    @property
    def features(self) -> str:
        """The folder of the feature store there."""
        return _FEATURES_ON_HOST if self.kernel else str(paths.data_folder("features"))

    def name_there(self, path: str) -> str:
        """Return the path of a new folder where the data set is, for a path as of `%sync`."""
        return sync.remote_path(path) if self.kernel else path

    def call(
        self,
        function: Callable[..., Mapping[str, Any]],
        *,
        progress: Progress | None = None,
        **arguments: Any,
    ) -> Any:
        """Call a function of `data_requests` where the data set is; return its JSON values.

        On a host it runs in the environment of the GPU kernel. A function that reports how far it
        is gets `progress`.
        """
        if not self.kernel:
            return function(**arguments, **({"progress": progress} if progress else {}))
        return call_on_host(
            self.kernel.host.resolve_target(),
            self.kernel.python,
            function,
            arguments,
            activate=self.kernel.activate,
            progress=progress,
        )


def find_place(data: str, *, here: bool = False) -> DataPlace:
    """Return where a data set is, as `%%finetune` finds it: on the connected host, or here.

    Raises
    ------
    BadData
        where there is no such folder.
    """
    if here or not notebook_kernel.is_connected():
        return DataPlace(data, str(walk.existing_path(data)))
    kernel = notebook_kernel.current()
    return DataPlace(data, find_data(kernel, data), kernel)


def find_data(kernel: NotebookKernel, data: str) -> str:
    """Return the absolute path on the host of a data folder: synced, or named as it is there.

    Raises
    ------
    BadData
        where the host has no such folder.
    """
    path = blocking.wait_for(
        sftp.resolve_path(kernel.host.resolve_target(), sync.remote_path(data))
    )
    if path is None:
        raise _no_data(kernel.host.name, data)
    return path


def _no_data(host: str, data: str) -> BadData:
    try:
        walk.existing_path(data)
    except BadData as error:
        return BadData(
            f"{data} is neither on {host} nor on this computer.",
            fix=f"{error.fix} · %aws_ssh ls lists the folders on {host}.",
        )
    return BadData(f"{data} is not on {host}.", fix=f"%sync up {data}")
