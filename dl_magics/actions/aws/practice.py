"""Go to the practice cloud and come back: it is one more AWS profile and an ssh_config file."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from dl_magics import practice
from dl_magics.actions.aws import context
from dl_magics.errors import NotInstalled, WrongState
from dl_magics.store import paths, state

_FOLDER = "practice"
ADDRESS = "data:,198.51.100.7"
"""The practice cloud needs no service: the address is said right here."""


def on() -> str:
    """Start the practice cloud if it does not run, and choose it; return its place."""
    if not find_spec("moto"):
        raise NotInstalled(
            "The practice cloud needs moto, which is not installed.",
            fix='%pip install "dl-magics[practice]"',
        )
    folder = paths.data_folder(_FOLDER)
    if not practice.find_cloud(folder):
        practice.start_cloud(folder)
    files = practice.ensure_profile(folder)
    chosen = state.choices()
    place = {
        "profile": files.name,
        "region": files.region,
        "config_file": str(files.config_file),
        "credentials_file": str(files.credentials_file),
        "ssh_config": str(files.ssh_config),
        "address_url": ADDRESS,
    }
    before = chosen.get("place", {}) if not is_on() else chosen.get("place before practice", {})
    state.choose(**{"place": place, "place before practice": before})
    return context.name()


def off() -> str:
    """Go back to where we were; the practice cloud ends, its instances are kept stopped."""
    if is_on():
        before = state.choices().get("place before practice") or None
        state.choose(**{"place": before, "place before practice": None})
    practice.stop_cloud(paths.data_folder(_FOLDER))
    return context.place().name


def is_on() -> bool:
    """Whether the practice cloud is chosen."""
    return context.place().profile == "practice" and context.place().config_file is not None


def faults() -> dict[str, str]:
    """Return what can go wrong, by name."""
    return {name: fault.description for name, fault in practice.FAULTS.items()}


def fault(name: str, *, times: int = 1, **aim: Any) -> None:
    """Let something go wrong from now on."""
    running = practice.find_cloud(paths.data_folder(_FOLDER))
    if running is None:
        raise WrongState("The practice cloud does not run.", fix="%practice on")
    running.inject_fault(name, times=times, **aim)
