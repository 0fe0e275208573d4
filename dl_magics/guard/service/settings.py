"""What the guard was told: its limits, and where it looks."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from .files import read_json, write_json

FILE_NAME = "settings.json"


@dataclass(frozen=True)
class Settings:
    """The content of the settings file.

    Parameters
    ----------
    idle_seconds, max_seconds
        The idle time, and the longest time from a boot on; None stands for never.
    until, until_epoch
        A hard end as a time of the boot clock of `until_boot`; after another boot, as an epoch.
    keep_until
        The time of the boot clock of `keep_boot` until which the instance is kept.
    tick_seconds
        The seconds between two looks.
    agents, runs
        Patterns of the folders of our kernels and of the logs of training runs.
    checkpoint_name
        The file in the folder of a run that asks it to save a checkpoint.
    cpu_file, network_file, boot_file, terminal_folder
        Where the system tells its CPU times, its network traffic, its boot id and its terminals.
    """

    idle_seconds: float | None = 1800.0
    warning_seconds: float = 300.0
    hung_seconds: float = 3600.0
    max_seconds: float | None = None
    until: float | None = None
    until_boot: str = ""
    until_epoch: float | None = None
    keep_until: float = 0.0
    keep_boot: str = ""
    tick_seconds: float = 20.0
    agents: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    checkpoint_name: str = ""
    cpu_file: str = "/proc/stat"
    network_file: str = "/proc/net/dev"
    boot_file: str = "/proc/sys/kernel/random/boot_id"
    terminal_folder: str = "/dev/pts"

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Settings:
        """Return the settings of these values; one that is not valid keeps its default."""
        valid = {each.name: each for each in fields(cls)}
        taken: dict[str, Any] = {}
        for name, value in values.items():
            if name in valid and _fits(valid[name].default, value, name in _OPTIONAL):
                taken[name] = tuple(value) if isinstance(value, list) else value
        return cls(**taken)


_OPTIONAL = ("idle_seconds", "max_seconds", "until", "until_epoch")


def read_settings(folder: Path) -> Settings:
    """Return the settings of a folder; without a valid file the defaults, which still stop."""
    return Settings.from_values(read_json(folder / FILE_NAME))


def write_settings(folder: Path, settings: Settings) -> None:
    """Write the settings in one step."""
    write_json(folder / FILE_NAME, asdict(settings))


def _fits(default: Any, value: Any, optional: bool) -> bool:
    if optional:
        return value is None or _is_positive(value)
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(default, tuple):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return _is_positive(value) or value == default


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12
