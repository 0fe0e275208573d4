"""Our code with SlipCover's probes in it, prepared once for all processes of pytest.

SlipCover prepares it in each process, which takes eight seconds. Here Python keeps it in a folder,
as it keeps all that it compiles, and each process puts in probes of its own.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import CodeType, SimpleNamespace
from typing import Any
from unittest.mock import patch

import slipcover
from slipcover import branch
from slipcover import slipcover as bytecode

KEPT = Path(__file__).parents[2] / "build" / "probes" / slipcover.__version__
# Before Python 3.12 probes are constants of the code. They belong to one process: these are kept.
_SIGNAL, _PROBE = "SlipCover's signal", "a probe of SlipCover"
_KEPT_PROBES = SimpleNamespace(
    signal=_SIGNAL, new=lambda measuring, file, label, threshold: (_PROBE, label)
)


class Finder:
    """Finds those of our modules that are measured, for `sys.meta_path`."""

    def __init__(self, measuring: slipcover.Slipcover, matcher: slipcover.FileMatcher) -> None:
        self._measuring = measuring
        self._matcher = matcher

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or not self._matcher.matches(spec.origin):
            return None
        spec.loader = Loader(name, spec.origin, self._measuring)
        return spec

    def prepare(self, files: Iterable[Path]) -> None:
        for file in files:
            SourceFileLoader.get_code(Loader("dl_magics", str(file), self._measuring), "dl_magics")


class Loader(SourceFileLoader):
    """Loads a module with probes."""

    def __init__(self, name: str, path: str, measuring: slipcover.Slipcover) -> None:
        super().__init__(name, path)
        self._measuring = measuring

    def get_code(self, fullname: str) -> CodeType:
        code = super().get_code(fullname)
        if sys.version_info >= (3, 12):
            return self._measuring.instrument(code)
        return self._put_probes_in(code)

    def source_to_code(self, data: bytes, path: str, **options: Any) -> CodeType:
        code = super().source_to_code(branch.preinstrument(ast.parse(data)), path, **options)
        if sys.version_info >= (3, 12):
            return code
        with patch.object(bytecode, "probe", _KEPT_PROBES):
            return slipcover.Slipcover(branch=True).instrument(code)

    def get_data(self, path: str) -> bytes:
        return super().get_data(_kept(path) if path.endswith(".pyc") else path)

    def set_data(self, path: str, data: bytes, **options: Any) -> None:
        super().set_data(_kept(path), data, **options)

    def _put_probes_in(self, code: CodeType) -> CodeType:
        def own(constant: Any) -> Any:
            match constant:
                case CodeType():
                    return self._put_probes_in(constant)
                case str() if constant == _SIGNAL:
                    return bytecode.probe.signal
                case (str() as kind, label) if kind == _PROBE:
                    # Code that is in use is never replaced by code without probes.
                    return bytecode.probe.new(self._measuring, code.co_filename, label, sys.maxsize)
            return constant

        return code.replace(co_consts=tuple(map(own, code.co_consts)))


def _kept(path: str) -> str:
    return f"{KEPT}{path}"
