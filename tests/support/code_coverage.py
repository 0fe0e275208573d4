"""Which lines and branches of ours the tests run, if COVERAGE is set; coverage.py reports it.

SlipCover measures the processes of pytest: its probes are in our code only. The trace function of
coverage.py, before Python 3.12, lets all code run at a third of its speed, that of Keras and boto3
too. It measures those processes that tests start while `measured`; most of what these run is not
ours, as the import of a backend.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
FOR_CHILDREN = "COVERAGE_PROCESS_CONFIG"
_OURS = ROOT / "dl_magics"
_begun: list[Any] = []


def begin() -> None:
    """Measure what is imported from now on."""
    if "COVERAGE" not in os.environ:
        return
    import slipcover

    from support import probes

    kept = [name for name in sys.modules if name.partition(".")[0] == "dl_magics"]
    assert not kept, f"imported before it could be measured: {kept}"
    measuring = slipcover.Slipcover(branch=True)
    finder = probes.Finder(measuring, _matcher())
    sys.meta_path.insert(0, finder)
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):
        # Each worker prepares its part of the files, before all of them import all.
        workers = int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        finder.prepare(_our_files()[int(worker.removeprefix("gw")) :: workers])
    else:
        # It takes seconds, in which one core would have nothing to do after the tests.
        threading.Thread(
            target=lambda: [_parse(file) for file in _our_files()], daemon=True
        ).start()
    _begun.append(measuring)


@contextmanager
def measured() -> Iterator[None]:
    """Measure the processes that are started meanwhile, if this one is measured."""
    with pytest.MonkeyPatch.context() as patch:
        if _begun:
            patch.setenv(FOR_CHILDREN, _settings().serialize())
        yield


@contextmanager
def unmeasured() -> Iterator[None]:
    """Start what all tests of a worker share, and all that it starts, as in most tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(FOR_CHILDREN, raising=False)
        yield


def save() -> None:
    """Write what was measured; the main process does so for `coverage combine`, after the others.

    Finding the arcs takes seconds: it is done once for all processes of pytest.
    """
    for measuring in _begun:
        path = ROOT / _settings().data_file
        path.parent.mkdir(parents=True, exist_ok=True)
        seen = {file: list(each) for file, each in list(measuring.newly_seen.items())}
        path.with_name(f"seen.{os.getpid()}.json").write_text(json.dumps(seen))
        if "PYTEST_XDIST_WORKER" not in os.environ:
            _write_arcs(path)


def _write_arcs(path: Path) -> None:
    from coverage import CoverageData

    seen: dict[str, list[Any]] = defaultdict(list)
    for each in path.parent.glob("seen.*.json"):
        for file, lines_and_branches in json.loads(each.read_text()).items():
            seen[file] += lines_and_branches
        each.unlink()
    data = CoverageData(str(path), suffix=f"pytest.{os.getpid()}")
    data.add_arcs({file: find_arcs(Path(file), each) for file, each in seen.items()})
    # A file that no test imports counts, too.
    data.touch_files(map(str, _our_files()))
    data.write()


def find_arcs(file: Path, seen: Iterable[int | Sequence[int]]) -> set[tuple[int, int]]:
    """Return the arcs of coverage.py for the lines and branches that SlipCover saw in a file.

    Both name a branch by its two lines, but not always the same second one: each of SlipCover's is
    that which coverage.py knows for the line, to the body or past it.
    """
    possible, (bodies, cases) = _parse(file)
    arcs = {(-1, line) for line in seen if isinstance(line, int)}
    for begin_, end in {tuple(each) for each in seen if not isinstance(each, int)}:
        tried = cases.get(begin_, [])
        if tried:
            # SlipCover's branches begin at the `match`, those of coverage.py at each `case`.
            reached = next((n for n, line in enumerate(tried) if end in bodies[line]), None)
            arcs |= set(pairwise(tried if reached is None else tried[: reached + 1]))
            begin_ = tried[-1 if reached is None else reached]
        if end in possible.get(begin_, ()):
            arcs.add((begin_, end))
        elif end not in bodies[begin_]:
            past = possible.get(begin_, set()) - bodies[begin_]
            arcs |= {(begin_, each) for each in past if len(past) == 1}
    return arcs


@cache
def _parse(file: Path) -> tuple[dict[int, set[int]], tuple[Any, Any]]:
    """Return the arcs of coverage.py that begin at each line, and what `_find_bodies` does."""
    from coverage.parser import PythonParser

    parser = PythonParser(filename=str(file))
    parser.parse_source()
    possible: dict[int, set[int]] = {}
    for begin_, end in parser.arcs():
        possible.setdefault(begin_, set()).add(end)
    return possible, _find_bodies(ast.parse(file.read_text("utf-8")))


def _find_bodies(tree: ast.AST) -> tuple[dict[int, set[int]], dict[int, list[int]]]:
    """Return the first lines of bodies, by statement or case, and the cases by their `match`."""
    bodies: dict[int, set[int]] = defaultdict(set)
    cases = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If | ast.For | ast.AsyncFor | ast.While):
            bodies[node.lineno].add(node.body[0].lineno)
        elif isinstance(node, ast.Match):
            cases[node.lineno] = [each.pattern.lineno for each in node.cases]
            for each in node.cases:
                bodies[each.pattern.lineno].add(each.body[0].lineno)
    return bodies, cases


def _our_files() -> list[Path]:
    return sorted(filter(_matcher().matches, _OURS.rglob("*.py")))


@cache
def _matcher() -> Any:
    from slipcover import FileMatcher

    return FileMatcher([str(_OURS)], _settings().run_omit)


@cache
def _settings() -> Any:
    from coverage import Coverage

    return Coverage(config_file=str(ROOT / "setup.cfg")).config
