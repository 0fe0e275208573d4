"""Import Keras so that a person can end the wait for it."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable

_LOOK_SECONDS = 0.1


def import_keras(stop: Callable[[], bool]) -> None:
    """Import Keras and its backend in a thread, which an interrupt does not reach.

    A backend that was half imported could not be imported again in this process.

    Raises
    ------
    KeyboardInterrupt
        once `stop()` returns True, or at an interrupt. The import goes on.
    """
    module = sys.modules.get("keras")
    if module and not getattr(getattr(module, "__spec__", None), "_initializing", False):
        return
    # Must be set before TensorFlow is imported, to hide its log messages on CPU features.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    failed: list[BaseException] = []

    def work() -> None:
        try:
            import keras  # noqa: F401 - for sys.modules
        except BaseException as error:
            failed.append(error)

    importing = threading.Thread(target=work, name="import keras", daemon=True)
    importing.start()
    while importing.is_alive():
        importing.join(_LOOK_SECONDS)
        if importing.is_alive() and stop():
            raise KeyboardInterrupt("The run was stopped while Keras was being imported.")
    if failed:
        raise failed[0]
