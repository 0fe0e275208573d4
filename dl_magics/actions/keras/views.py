"""What `%backend` and `%device` display: the settings, a change, and the device in use."""

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

_HEADS = ("setting", "value", "source")


@dataclass(frozen=True)
class Parts:
    """The parts of a display: a title, a table, and lines below it."""

    title: str
    heads: tuple[str, ...]
    rows: table.Rows
    below: list[str]


class View(ABC):
    """A value with a text and an HTML representation, made from its `parts`."""

    @abstractmethod
    def parts(self) -> Parts:
        """Return the title, the table and the lines below it."""

    def __repr__(self) -> str:
        shown = self.parts()
        return "\n".join([table.format_text(shown.title, shown.heads, shown.rows), *shown.below])

    def _repr_html_(self) -> str:
        shown = self.parts()
        lines = "".join(table.format_html(line, (), ()) for line in shown.below)
        return table.format_html(shown.title, shown.heads, shown.rows) + lines


@dataclass(frozen=True, repr=False)
class Settings(View):
    """Keras' settings on one side: `where` is "local" or "remote".

    `fresh` are the settings of a new process, `now` those of this kernel: they differ if Keras is
    already imported. `device` is the device that the backend is configured to use, and the source
    of that. `theano` is the environment for Keras 1 on Theano.
    """

    where: str
    installed: Installed
    path: str
    fresh: Effective
    now: Effective
    can_undo: bool
    theano: TheanoEnvironment = field(default_factory=TheanoEnvironment)
    device: tuple[str, str] = ("", "")

    @property
    def trains_on(self) -> str:
        """The Keras and the backend that `%%finetune` trains with."""
        if not self.theano.selected:
            return f"Keras {self.installed.keras} on {self.fresh['backend'].value}"
        return self._theano_versions

    @property
    def _theano_versions(self) -> str:
        versions = self.theano.versions
        return f"Keras {versions['keras']} on Theano {versions['theano']}, {self.theano.python}"

    def parts(self) -> Parts:
        found = self.installed
        keras = f"Keras {found.keras}" if found.keras else "Keras is not installed"
        title = f"{keras} · Python {found.version} ({self.where}), {found.python}"
        rows = [(each.name, str(each.value), each.source) for each in self.now.values]
        return Parts(title, _HEADS, rows, [self.backends, *self.remarks])

    @property
    def backends(self) -> str:
        """One line with the installed backends."""
        listed = [
            f"{name} {version}"
            for name, version in self.installed.versions.items()
            if name != "keras"
        ]
        if self.theano.python:
            listed.append(f"theano {self.theano.versions['theano']} in its own environment")
        return f"installed: {', '.join(listed) or 'no backend'}"

    @property
    def remarks(self) -> list[str]:
        """Warnings, and the settings that take effect after a restart."""
        lines = [f"! {note}" for note in self.fresh.notes]
        if self.theano.python:
            lines.append(f"%%finetune trains with {self.trains_on}")
        if self.fresh.refusal and self.installed.keras:
            lines.append(f"✗ A new process cannot import keras: {self.fresh.refusal}")
        later = [
            f"{new.name} {new.value}"
            for new in self.fresh.values
            if new.value != self.now[new.name].value
        ]
        if later:
            lines.append(f"takes effect after a restart of the kernel: {', '.join(later)}")
        return lines


@dataclass(frozen=True, repr=False)
class Changed(View):
    """A change of keras.json, .theanorc or the visible GPUs, and when it takes effect.

    `effect` has "now", "restart", "gpu restart", "never" or "overridden" for each setting; `after`
    are the settings after the change.
    """

    where: str
    change: Change
    effect: Mapping[str, str] = field(default_factory=dict)
    after: Settings | None = None

    @property
    def needs_restart(self) -> bool:
        """Whether the change takes effect only after a restart of the kernel."""
        return "restart" in self.effect.values()

    def parts(self) -> Parts:
        rows = [
            (key, _format_value(before), "→", _format_value(now))
            for key, (before, now) in self.change.changed.items()
        ]
        title = f"{self.change.path} ({self.where})"
        warning = [f"! The file was damaged; its content was moved to {self.change.moved_to}"]
        lines = warning if self.change.moved_to else []
        if not rows:
            return Parts(f"{title}: no change needed", (), [], lines)
        return Parts(title, ("setting", "before", "", "after"), rows, [*lines, *self._when()])

    def _when(self) -> list[str]:
        by_when: dict[str, list[str]] = {}
        for name, when in self.effect.items():
            by_when.setdefault(when, []).append(name)
        return [self._line(when, ", ".join(names)) for when, names in by_when.items()]

    def _line(self, when: str, names: str) -> str:
        if when == "restart":
            what = self._imported if cuda_visible_devices.VARIABLE in names else "Keras"
            return (
                f"takes effect after a restart of the kernel, because {what} is already imported: "
                f"{names}"
            )
        if when == "gpu restart":
            return f"takes effect at the next start of the GPU kernel (%gpu_restart): {names}"
        if when == "overridden":
            by_user = cuda_visible_devices.user_value()
            return f"! has no effect, already set to {by_user} in this kernel: {names}"
        if when == "never" and self.after:
            setting = self.after.fresh[names.split(", ")[0]]
            return f"! has no effect, {setting.source} sets {setting.value}: {names}"
        return f"takes effect at the next import of keras: {names}"

    @property
    def _imported(self) -> str:
        return str(self.after.now["backend"].value) if self.after else "its backend"


@dataclass(frozen=True, repr=False)
class DeviceView(View):
    """The device that a backend is configured to use, the source of that, and the one in use.

    `in_use` is "" if the backend cannot be imported; `error` has the reason.
    """

    where: str
    backend: str
    configured: str
    source: str
    in_use: str
    error: str

    def parts(self) -> Parts:
        rows = [(self.configured, self.source, self.in_use or "unknown")]
        lines = []
        if self.error:
            lines.append(f"✗ {self.backend} cannot be imported: {self.error}")
        elif self.falls_back_to_cpu:
            lines.append(
                f"! {self.backend} is configured for {self.configured}, but computes on the CPU."
            )
        heads = ("configured", "source", "in use")
        return Parts(f"{self.backend} ({self.where})", heads, rows, lines)

    @property
    def falls_back_to_cpu(self) -> bool:
        """Whether a GPU is configured but the CPU is used."""
        return self.in_use == "cpu" and self.configured.startswith(("cuda", "gpu", "opencl"))


def _format_value(value: Any) -> str:
    return "not set" if value is None else str(value)
