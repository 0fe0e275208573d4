"""Let this process unpickle what a list names, and nothing else.

Dask unpickles all that a peer sends, which would let each host run code on this computer, and its
setting against it is gone. All of Dask's unpickling goes through the module `pickle`: in the
process of the scheduler, and only there, it is restricted before Dask is imported.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable
from typing import IO, Any


class Refused(pickle.UnpicklingError):
    """A pickle names something that may not be loaded."""


def restrict(allowed: Iterable[tuple[str, str]]) -> None:
    """From now on, unpickle only what has one of these modules and names, in this process."""
    names = frozenset(allowed)

    class Unpickler(pickle._Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if (module, name) not in names:
                raise Refused(f"{module}.{name} may not be unpickled here")
            return super().find_class(module, name)

        def persistent_load(self, pid: Any) -> Any:
            raise Refused(f"persistent {pid!r:.40} may not be unpickled here")

    def load(file: IO[bytes], **options: Any) -> Any:
        return Unpickler(file, **options).load()

    def loads(data: Any, /, **options: Any) -> Any:
        return Unpickler(io.BytesIO(data), **options).load()

    vars(pickle).update(Unpickler=Unpickler, load=load, loads=loads, _load=load, _loads=loads)
