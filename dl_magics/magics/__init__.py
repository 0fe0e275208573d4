"""The magics: each reads a line, calls one action, returns one thing.

`%load_ext` imports only this package: what a magic needs is imported when it is called.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from types import MethodType
from typing import TYPE_CHECKING, Any

from dl_magics import text
from dl_magics.errors import DLMagicsError
from dl_magics.keras_config import cuda_visible_devices
from dl_magics.magics import aws, data, results
from dl_magics.magics.backend import BackendMagics
from dl_magics.magics.complete import MATCHERS
from dl_magics.magics.display import front_end
from dl_magics.magics.features import FeaturesMagics
from dl_magics.magics.finetune import FinetuneMagics
from dl_magics.magics.gpu import GpuMagics
from dl_magics.magics.gpu_cells import GpuCellMagics
from dl_magics.magics.help.magic import HelpMagics
from dl_magics.magics.interrupts import explain
from dl_magics.magics.practice import PracticeMagics
from dl_magics.magics.runs.managing import RunsMagics
from dl_magics.magics.runs.tuning import TuningMagics
from dl_magics.magics.sync import SyncMagics
from dl_magics.store import notebook_session, paths

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.magic import Magics

ALL: tuple[type[Magics], ...] = (
    *aws.ALL,
    PracticeMagics,
    GpuMagics,
    GpuCellMagics,
    SyncMagics,
    BackendMagics,
    *data.ALL,
    FinetuneMagics,
    RunsMagics,
    *results.ALL,
    TuningMagics,
    FeaturesMagics,
    HelpMagics,
)


def register_all(shell: InteractiveShell) -> None:
    """Register all magics, and apply the selection of visible GPUs to this process."""
    unregister_all(shell)
    _identify_notebook(shell)
    # An unreadable folder is reported by the magic that needs it.
    with suppress(DLMagicsError, OSError):
        cuda_visible_devices.apply_selection(str(paths.data_folder()))
    text.limit_lines(partial(front_end.count_columns, shell))
    shell.register_magics(*ALL)
    explain.explain_all(shell, ALL)
    shell.Completer.custom_matchers.extend(MATCHERS)


def _identify_notebook(shell: InteractiveShell) -> None:
    """Record the Jupyter kernel of this process, or that it is a terminal, and its namespace."""
    kernel: Any = getattr(shell, "kernel", None)
    file = getattr(getattr(kernel, "parent", None), "abs_connection_file", "")
    notebook_session.identify_process(
        notebook_session.build_kernel_id(file, kernel.session.key) if file else None,
        kind="a notebook" if kernel else "a terminal",
        variables=shell.user_ns,
    )


def unregister_all(shell: InteractiveShell) -> None:
    """Remove all magics and matchers from the shell; IPython has no call that does."""
    text.limit_lines()
    for table in shell.magics_manager.magics.values():
        for name, function in list(table.items()):
            # Any attribute of one of IPython's lazy magics would import its module.
            if type(function) is MethodType and isinstance(function.__self__, ALL):
                del table[name]
    for each in ALL:
        shell.magics_manager.registry.pop(each.__name__, None)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [each for each in matchers if each not in MATCHERS]
    shell.configurables[:] = [each for each in shell.configurables if not isinstance(each, ALL)]
