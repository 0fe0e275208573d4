"""List what features and runs occupy, and delete features: here and on the connected host."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.features.storage import HERE, FeatureSpace, Occupied, Storage, describe_age
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.notebook_kernel import NotebookKernel
from dl_magics.actions.runs.run_table import format_size
from dl_magics.errors import BadSetting
from dl_magics.remote_code import runner
from dl_magics.ssh import blocking
from dl_magics.store import paths
from dl_magics.training.storage import clearing, inventory

_DAY = 86_400
_UNITS = {"": 1e6, "kb": 1e3, "mb": 1e6, "gb": 1e9}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(kb|mb|gb)?", re.ASCII)
_DAYS = re.compile(r"(\d+(?:\.\d+)?)\s*d?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which features to delete: those of a model, larger than bytes, not used for seconds."""

    model: str = ""
    larger: float = 0.0
    older: float = 0.0

    @classmethod
    def parse(cls, model: str, larger: str, older: str) -> Choice:
        """Return the choice of what was typed; "" sets no limit. Raises BadSetting."""
        return cls(model.lower(), _parse_size(larger), _parse_days(older))

    def fits(self, space: FeatureSpace, now: float) -> bool:
        """Return whether a space is chosen."""
        return (
            (not self.model or space.model.lower() == self.model)
            and space.size >= self.larger
            and now - space.used_at >= self.older
        )


@dataclass(frozen=True, slots=True)
class Clearing:
    """The spaces to delete on each computer, and those that were chosen but are needed."""

    chosen: Mapping[str, tuple[FeatureSpace, ...]]
    needed: tuple[FeatureSpace, ...]

    @property
    def question(self) -> str:
        """The question that names what would be deleted."""
        now = time.time()
        listed = [
            f"{space.subject} on {where} ({format_size(space.size)}, used "
            f"{describe_age(now - space.used_at)})"
            for where, chosen in self.chosen.items()
            for space in chosen
        ]
        size = sum(space.size for chosen in self.chosen.values() for space in chosen)
        return f"Delete features, {format_size(size)}: {'; '.join(listed)}{self.kept_text}"

    @property
    def nothing(self) -> str:
        """What is said where nothing would be deleted; "" where something would."""
        return "" if any(self.chosen.values()) else f"No features to delete{self.kept_text}."

    @property
    def kept_text(self) -> str:
        """Which chosen features stay; "" where all are deleted."""
        if not self.needed:
            return ""
        names = ", ".join(space.subject for space in self.needed)
        return f"; kept, as a run that is going on needs them: {names}"


def list_storage(*, here: bool = True, there: bool = True) -> Storage:
    """Return what is occupied here, on the connected host, or both."""
    places = []
    if here:
        home = str(paths.data_folder())
        places.append(Occupied.from_json(HERE, inventory.list_occupied(home)))
    if there and (kernel := _find_kernel(is_asked=not here)):
        found = _call(kernel, inventory.list_occupied)
        places.append(Occupied.from_json(kernel.host.name, found))
    return Storage(tuple(places))


def plan(storage: Storage, choice: Choice) -> Clearing:
    """Return what the choice would delete."""
    now = time.time()
    fitting = {
        place.where: [each for each in place.spaces if choice.fits(each, now)]
        for place in storage.places
    }
    chosen = {
        where: tuple(each for each in spaces if not each.is_needed)
        for where, spaces in fitting.items()
    }
    needed = [each for spaces in fitting.values() for each in spaces if each.is_needed]
    return Clearing(chosen, tuple(needed))


def clear(planned: Clearing) -> str:
    """Delete the planned features; return a sentence about it."""
    freed, kept = 0, 0
    for where, spaces in planned.chosen.items():
        names = [each.name for each in spaces]
        if not names:
            continue
        if where == HERE:
            done = clearing.clear_spaces(names, str(paths.data_folder()))
        else:
            done = _call(notebook_kernel.current(), clearing.clear_spaces, names=names)
        freed += int(done["freed"])
        kept += len(done["kept"])
    more = f" {kept:,} were kept, as a run has begun to use them." if kept else ""
    return f"Deleted features: {format_size(freed)} are free again{planned.kept_text}.{more}"


def explain(planned: Clearing | None) -> Script:
    """Return what `%features` reads, or deletes, as lines of a shell."""
    home = paths.data_folder()
    if planned is None:
        named = (shlex.quote(str(home / each)) for each in (inventory.FEATURES, inventory.RUNS))
        return Script(f"du -sh {' '.join(named)}\n{comment('the connected host is asked alike')}")
    lines = []
    for where, spaces in planned.chosen.items():
        for each in spaces:
            if where == HERE:
                lines.append(f"rm -r {shlex.quote(str(home / inventory.FEATURES / each.name))}")
            else:
                lines.append(comment(f"on {where}: rm -r ~/.dl_magics/features/{each.name}"))
    return Script("\n".join(lines) or comment(planned.nothing))


def _find_kernel(*, is_asked: bool) -> NotebookKernel | None:
    """Return the connected GPU kernel; raise NotConnected where it was asked for by name."""
    return notebook_kernel.current() if is_asked else notebook_kernel.find_attached()


def _call(kernel: NotebookKernel, function: Callable[..., Any], **arguments: Sequence[str]) -> Any:
    """Call a function on the host, in a process of its own: the GPU kernel may be training."""
    target = kernel.host.resolve_target()
    return blocking.wait_for(runner.run(target, kernel.python, function, arguments))


def _parse_size(text: str) -> float:
    found = _SIZE.fullmatch(text.strip().lower())
    if text and not found:
        raise BadSetting(
            f"--larger-than = {text!r} is not a size.", fix="Use megabytes such as 500, or 1.5GB."
        )
    return float(found[1]) * _UNITS[found[2] or ""] if found else 0.0


def _parse_days(text: str) -> float:
    found = _DAYS.fullmatch(text.strip().lower())
    if text and not found:
        raise BadSetting(f"--older-than = {text!r} is not a number of days.", fix="Use 30 or 30d.")
    return float(found[1]) * _DAY if found else 0.0
