"""What dl_magics remembers between kernels: selections, notebooks' GPU kernels, a pending launch.

One JSON file with a version. `read` returns it as one frozen value, `update` changes it under a
lock and in one step. Entries of notebooks that were not used for `KEPT_DAYS` are dropped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedFile
from dl_magics.store import lock, parsed_file, paths

VERSION = 1
FILE_NAME = "state.json"
KEPT_DAYS = 90
ADDRESS_URL = "https://checkip.amazonaws.com"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileSettings:
    """The selected AWS profile and its files; None leaves a setting to the AWS configuration."""

    profile: str | None = None
    region: str | None = None
    config_file: str | None = None
    credentials_file: str | None = None
    ssh_config: str | None = None
    address_url: str = ADDRESS_URL


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingLaunch:
    """A launch that EC2 has not answered: the same request is repeated with the same token.

    `sent_at` is in seconds since the epoch.
    """

    request: dict[str, Any]
    token: str
    region: str
    sent_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelRecord:
    """A GPU kernel: its host, as plain values, its interpreter, and the notebook that it is for.

    `notebook`, `title` and `folder` are those of the notebook's session. The record is kept after
    `%gpu_disconnect`, with `connected` False. `taken_from` is the notebook that it was for before.
    """

    host: dict[str, Any]
    python: str
    environment: str
    activate: str
    notebook: str
    title: str
    folder: str
    connected: bool = True
    taken_from: str = ""
    used_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackgroundCell:
    """A cell that was sent to the GPU kernel in the background."""

    msg_id: str
    since: int
    cell: str
    used_at: float = field(default_factory=time.time)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The stored state.

    `allow_from` are CIDR blocks, empty for this computer's own address. `idle_timeout` is as it was
    typed, empty for the default. `selected_instances` has the instance ID by the name of a profile
    and region; `selected_by_part` are those of them whose id or full name was not typed. `panel` is
    what JupyterLab's panel shows, None for the profile of new notebooks. `pending_launches` are by
    profile, `kernels`, `background_cells` and `shown` by the id of a GPU kernel. `shown` has, by
    the session of a client, the number of the last entry of the journal that its notebook has
    shown.
    """

    profile: ProfileSettings = field(default_factory=ProfileSettings)
    profile_before_practice: ProfileSettings | None = None
    panel: ProfileSettings | None = None
    panel_before_practice: ProfileSettings | None = None
    allow_from: tuple[str, ...] = ()
    idle_timeout: str = ""
    selected_instances: dict[str, str] = field(default_factory=dict)
    selected_by_part: tuple[str, ...] = ()
    pending_launches: dict[str, PendingLaunch] = field(default_factory=dict)
    kernels: dict[str, KernelRecord] = field(default_factory=dict)
    background_cells: dict[str, tuple[BackgroundCell, ...]] = field(default_factory=dict)
    shown: dict[str, dict[str, int]] = field(default_factory=dict)


def read() -> State:
    """Return the state.

    Raises
    ------
    DamagedFile
        where the file cannot be read, which is then renamed, or was written by a newer version.
    """
    path = paths.data_folder() / FILE_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        version = values.pop("version", VERSION)
        if version > VERSION:
            raise DamagedFile(
                f"{path} was written by a newer dl_magics (version {version}).",
                fix="%pip install -U dl-magics",
            )
        return _parse(values)
    except FileNotFoundError:
        return State()
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _set_aside(path) from error


def update(change: Callable[[State], State]) -> State:
    """Replace the state by what `change` returns, and return it; a failure changes nothing."""
    with lock.hold("state"):
        new = _prune(change(read()))
        text = json.dumps({"version": VERSION, **asdict(new)}, indent=2)
        paths.replace_file(paths.data_folder() / FILE_NAME, text)
    return new


def connect_kernel(kernel_id: str, record: KernelRecord) -> None:
    """Store the GPU kernel that a notebook is connected to from now on."""

    def change(state: State) -> State:
        others = disconnect_notebook(state, record.notebook).kernels
        return replace(state, kernels={**others, kernel_id: record})

    update(change)


def forget_kernel(kernel_id: str) -> None:
    """Remove a GPU kernel that was shut down."""

    def change(state: State) -> State:
        others = {name: each for name, each in state.kernels.items() if name != kernel_id}
        return replace(state, kernels=others)

    update(change)


def disconnect_notebook(state: State, notebook: str) -> State:
    """Return the state in which a notebook is connected to no GPU kernel."""
    kernels = {
        kernel_id: replace(each, connected=False) if each.notebook == notebook else each
        for kernel_id, each in state.kernels.items()
    }
    return replace(state, kernels=kernels)


def add_background_cell(kernel_id: str, cell: BackgroundCell, *, keep: int) -> None:
    """Store a cell that was sent to the background; only the newest `keep` are kept."""

    def change(state: State) -> State:
        cells = (*state.background_cells.get(kernel_id, ()), cell)[-keep:]
        return replace(state, background_cells={**state.background_cells, kernel_id: cells})

    update(change)


def note_shown(kernel_id: str, shown: Mapping[str, int], *, keep: int) -> None:
    """Store what the notebooks of a GPU kernel have shown; only the newest `keep` are kept."""

    def change(state: State) -> State:
        known = {**state.shown.get(kernel_id, {}), **shown}
        kept = dict(sorted(known.items(), key=lambda each: each[1])[-keep:])
        return replace(state, shown={**state.shown, kernel_id: kept})

    update(change)


def set_pending_launch(profile: str, pending: PendingLaunch | None) -> None:
    """Store the launch of a profile until EC2 answers it; None removes it."""

    def change(state: State) -> State:
        others = {name: each for name, each in state.pending_launches.items() if name != profile}
        launches = {**others, profile: pending} if pending else others
        return replace(state, pending_launches=launches)

    update(change)


def _prune(state: State) -> State:
    oldest = time.time() - KEPT_DAYS * 86_400
    kernels = {name: each for name, each in state.kernels.items() if each.used_at > oldest}
    return replace(
        state,
        kernels=kernels,
        shown={name: each for name, each in state.shown.items() if name in kernels},
        background_cells={
            name: kept
            for name, cells in state.background_cells.items()
            if (kept := tuple(cell for cell in cells if cell.used_at > oldest))
        },
    )


def _parse(values: dict[str, Any]) -> State:
    return State(
        profile=ProfileSettings(**values.get("profile", {})),
        profile_before_practice=_parse_profile(values.get("profile_before_practice")),
        panel=_parse_profile(values.get("panel")),
        panel_before_practice=_parse_profile(values.get("panel_before_practice")),
        allow_from=tuple(values.get("allow_from", ())),
        idle_timeout=str(values.get("idle_timeout", "")),
        selected_instances=dict(values.get("selected_instances", {})),
        selected_by_part=tuple(values.get("selected_by_part", ())),
        pending_launches={
            name: PendingLaunch(**pending)
            for name, pending in values.get("pending_launches", {}).items()
        },
        kernels={name: KernelRecord(**each) for name, each in values.get("kernels", {}).items()},
        background_cells={
            name: tuple(BackgroundCell(**cell) for cell in cells)
            for name, cells in values.get("background_cells", {}).items()
        },
        shown={name: dict(shown) for name, shown in values.get("shown", {}).items()},
    )


def _parse_profile(values: dict[str, Any] | None) -> ProfileSettings | None:
    return ProfileSettings(**values) if values else None


def _set_aside(path: Path) -> DamagedFile:
    aside = parsed_file.set_aside(path)
    return DamagedFile(
        f"Could not read {path.name}; it was moved to {aside}.",
        fix="Run the cell again: it starts with no selections. %aws_get NAME selects an instance.",
    )
