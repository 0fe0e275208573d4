"""Keras' settings as values that show themselves: what is in force, and what was changed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from dl_magics.core import table
from dl_magics.keras_config import cuda_visible_devices
from dl_magics.keras_config.effective import Effective
from dl_magics.keras_config.installed import Installed
from dl_magics.keras_config.keras_json import Change
from dl_magics.keras_config.theano_env import TheanoEnvironment

_HEADS = ("setting", "in force", "decided by")


@dataclass(frozen=True)
class Parts:
    """A title, a table, and lines below it."""

    title: str
    heads: tuple[str, ...]
    rows: table.Rows
    below: list[str]


class Shown(ABC):
    """A value that shows itself as a table with lines below."""

    @abstractmethod
    def parts(self) -> Parts:
        """Return what is shown."""

    def __repr__(self) -> str:
        shown = self.parts()
        return "\n".join([table.plain(shown.title, shown.heads, shown.rows), *shown.below])

    def _repr_html_(self) -> str:
        shown = self.parts()
        lines = "".join(table.html(line, (), ()) for line in shown.below)
        return f"<div>{table.html(shown.title, shown.heads, shown.rows)}{lines}</div>"


@dataclass(frozen=True, repr=False)
class Settings(Shown):
    """Keras' settings of one place.

    `fresh` is what a new process there has, `now` what this kernel has: they differ where Keras is
    imported already. `device` is what the backend is told to use, and by whom.
    """

    where: str
    installed: Installed
    path: str
    fresh: Effective
    now: Effective
    can_undo: bool
    own: TheanoEnvironment = field(default_factory=TheanoEnvironment)
    device: tuple[str, str] = ("", "")

    @property
    def trains_on(self) -> str:
        """What `%%finetune` trains on, as far as it is not Keras' own backend."""
        if not self.own.chosen:
            return f"Keras {self.installed.keras} on {self.fresh['backend'].value}"
        return self._own

    @property
    def _own(self) -> str:
        versions = self.own.versions
        return f"Keras {versions['keras']} on Theano {versions['theano']}, {self.own.python}"

    def parts(self) -> Parts:
        found = self.installed
        keras = f"Keras {found.keras}" if found.keras else "Keras is not installed"
        title = f"{keras} · Python {found.version} {self.where}, {found.python}"
        rows = [(each.name, str(each.value), each.by) for each in self.now.values]
        return Parts(title, _HEADS, rows, [self.backends, *self.remarks])

    @property
    def backends(self) -> str:
        """Which backends are installed, in a line."""
        listed = [
            f"{name} {version}"
            for name, version in self.installed.versions.items()
            if name != "keras"
        ]
        if self.own.python:
            listed.append(f"theano {self.own.versions['theano']} in an interpreter of its own")
        return f"installed: {', '.join(listed) or 'no backend'}"

    @property
    def remarks(self) -> list[str]:
        """What is odd, and what comes after a restart."""
        lines = [f"! {note}" for note in self.fresh.notes]
        if self.own.python:
            lines.append(f"%%finetune trains with {self.trains_on}")
        if self.fresh.refusal and self.installed.keras:
            lines.append(f"✗ A new process cannot import keras: {self.fresh.refusal}")
        later = [
            f"{new.name} {new.value}"
            for new in self.fresh.values
            if new.value != self.now[new.name].value
        ]
        if later:
            lines.append(f"after a restart of the kernel: {', '.join(later)}")
        return lines


@dataclass(frozen=True, repr=False)
class Changed(Shown):
    """What was changed in a file of another program, and from when on it counts.

    `counts` has "now", "restart", "gpu restart", "never" or "overridden" for each setting; `after`
    is what is in force.
    """

    where: str
    change: Change
    counts: Mapping[str, str] = field(default_factory=dict)
    after: Settings | None = None

    @property
    def needs_restart(self) -> bool:
        """Whether the kernel must be restarted for it."""
        return "restart" in self.counts.values()

    def parts(self) -> Parts:
        rows = [
            (key, _written(before), "→", _written(now))
            for key, (before, now) in self.change.changed.items()
        ]
        title = f"{self.change.path} ({self.where})"
        aside = [f"! The file was damaged; its content was moved to {self.change.aside}"]
        lines = aside if self.change.aside else []
        if not rows:
            return Parts(f"{title}: nothing had to be changed", (), [], lines)
        return Parts(title, ("setting", "before", "", "after"), rows, [*lines, *self._when()])

    def _when(self) -> list[str]:
        by_when: dict[str, list[str]] = {}
        for name, when in self.counts.items():
            by_when.setdefault(when, []).append(name)
        return [self._line(when, ", ".join(names)) for when, names in by_when.items()]

    def _line(self, when: str, names: str) -> str:
        if when == "restart":
            what = self._imported if cuda_visible_devices.VARIABLE in names else "Keras"
            return f"after a restart of the kernel, as {what} is imported already: {names}"
        if when == "gpu restart":
            return f"from the next start of a GPU kernel there on (%gpu_restart): {names}"
        if when == "overridden":
            by_person = cuda_visible_devices.user_value()
            return f"! has no effect, already set to {by_person} in this kernel: {names}"
        if when == "never" and self.after:
            by = self.after.fresh[names.split(", ")[0]]
            return f"! has no effect, {by.by} sets {by.value}: {names}"
        return f"from the next import keras on: {names}"

    @property
    def _imported(self) -> str:
        return str(self.after.now["backend"].value) if self.after else "its backend"


@dataclass(frozen=True, repr=False)
class DeviceShown(Shown):
    """Which device a backend is told to use, by whom, and which it really uses."""

    where: str
    backend: str
    told: str
    by: str
    used: str
    trouble: str

    def parts(self) -> Parts:
        rows = [(self.told, self.by, self.used or "unknown")]
        lines = []
        if self.trouble:
            lines.append(f"✗ {self.backend} does not start: {self.trouble}")
        elif self.wish_is_not_met:
            lines.append(
                f"! {self.backend} is configured for {self.told}, but computes on the CPU."
            )
        heads = ("told to use", "by", "really uses")
        return Parts(f"{self.backend} ({self.where})", heads, rows, lines)

    @property
    def wish_is_not_met(self) -> bool:
        """Whether a GPU was named, and the CPU is used."""
        return self.used == "cpu" and self.told.startswith(("cuda", "gpu", "opencl"))


def _written(value: Any) -> str:
    return "not set" if value is None else str(value)
