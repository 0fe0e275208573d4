"""Load one model in a process of its own (`server.py`).

What is loaded was checked before; should Keras still run code of the file, then without a network
where the system allows it, and without sockets and programs of Python.
"""

from __future__ import annotations

import ctypes
import io
import os
import sys
import zipfile
from pathlib import Path

KERAS, KERAS_1 = "keras", "keras1"
"""What is asked for: to load a `.keras` file, or to check a `.h5` file of Keras 1."""

_LONGEST_ANSWER = 200
_NEW_USER, _NEW_NETWORK = 0x1000_0000, 0x4000_0000
_REFUSED = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    "pty.",
)


def leave_network() -> bool:
    """Enter a network namespace without interfaces; return whether Linux allowed it."""
    if sys.platform != "linux":
        return False
    # A user namespace is needed without root, and would hide the files of other users from root.
    flags = _NEW_NETWORK if os.geteuid() == 0 else _NEW_USER | _NEW_NETWORK
    return bool(ctypes.CDLL(None).unshare(flags) == 0)


def refuse_sockets_and_programs() -> None:
    """Let Python raise PermissionError for each socket and program from now on, for good."""

    def refuse(event: str, _arguments: object) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is not allowed while a model is loaded")

    sys.addaudithook(refuse)


def find_problem_in_weights(path: Path) -> str:
    """Return why the weights in a `.keras` file are not read, or "" if they can be."""
    from dl_magics.training import hdf5_file
    from dl_magics.training.model_archive import WEIGHTS_FILE

    with zipfile.ZipFile(path) as archive:
        # HDF5 seeks back and forth, for which a member of an archive is read from its beginning.
        weights = archive.read(WEIGHTS_FILE)
    return hdf5_file.find_problem(io.BytesIO(weights), len(weights))


def load_model(path: Path) -> str:
    """Load a `.keras` file; return what in its weights the engine does not write, or ""."""
    import keras

    problem = find_problem_in_weights(path)
    if not problem:
        keras.saving.load_model(path, compile=False, safe_mode=True)
    return problem


def answer(kind: str, path: Path) -> dict[str, str]:
    """Load a file; return {"foreign": …, "failed": …}, each "" where all is well.

    From then on, this process can open no socket and start no program.
    """
    foreign = failed = ""
    try:
        import_modules(kind)
        from dl_magics.training import hdf5_file
        from dl_magics.training.backbones import hub

        if kind == KERAS:
            # Creates the backend's device too, before anything is refused.
            import keras

            keras.ops.convert_to_numpy(keras.ops.zeros(1))
            hub.import_for(path)
        refuse_sockets_and_programs()
        if kind == KERAS:
            foreign = load_model(path)
        else:
            foreign = hdf5_file.find_keras_1_problem(path, path.stat().st_size)
    except Exception as error:
        # Keras and its backends may raise anything; the error is the answer.
        failed = (str(error).strip().splitlines() or [type(error).__name__])[-1]
    return {"foreign": foreign[:_LONGEST_ANSWER], "failed": failed[:_LONGEST_ANSWER]}


def import_modules(kind: str) -> None:
    """Import what loading needs, which starts no thread and opens no device."""
    from dl_magics.training import hdf5_file  # noqa: F401
    from dl_magics.training.backbones import hub  # noqa: F401

    if kind == KERAS:
        import keras  # noqa: F401
