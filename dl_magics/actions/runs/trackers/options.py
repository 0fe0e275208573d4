"""The options that name a tracker: `--tensorboard FOLDER`, `--mlflow EXPERIMENT` and so on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

from dl_magics.actions.runs.trackers import adapters
from dl_magics.actions.runs.trackers.adapters import Tracker
from dl_magics.errors import BadSetting, NotInstalled


@dataclass(frozen=True)
class Kind:
    """A tracker: its name, its package, what its option takes, where its runs are looked at."""

    name: str
    package: str
    takes: str
    open: Callable[[str], Tracker]
    view: str


KINDS = {
    "tensorboard": Kind(
        name="TensorBoard",
        package="tensorboard",
        takes="FOLDER",
        open=adapters.TensorBoard,
        view="%load_ext tensorboard, then %tensorboard --logdir {}",
    ),
    "mlflow": Kind(
        name="MLflow",
        package="mlflow",
        takes="EXPERIMENT",
        open=adapters.MLflow,
        view="mlflow ui, in a terminal",
    ),
    "wandb": Kind(
        name="W&B",
        package="wandb",
        takes="PROJECT",
        # A run of W&B that the notebook has is left alone.
        open=partial(adapters.ProjectTracker, "wandb", reinit="create_new"),
        view="https://wandb.ai, project {}",
    ),
    "trackio": Kind(
        name="Trackio",
        package="trackio",
        takes="PROJECT",
        open=partial(
            adapters.ProjectTracker,
            "trackio",
            embed=False,
            auto_log_cpu=False,
            auto_log_gpu=False,
        ),
        view="trackio show --project {}, in a terminal",
    ),
}
_OPTION = re.compile(
    rf"""(?<!\S)--(?P<kind>{"|".join(KINDS)})(?:(?:=|\s+)(?P<target>"[^"]*"|'[^']*'|[^\s-]\S*))?(?!\S)"""
)


@dataclass(frozen=True)
class Chosen:
    """A tracker that was asked for, with its folder, experiment or project."""

    option: str
    target: str

    @property
    def kind(self) -> Kind:
        return KINDS[self.option]

    @property
    def view(self) -> str:
        """Where its runs are looked at."""
        return f"{self.kind.name}: {self.kind.view.format(shlex.quote(self.target))}"

    @property
    def typed(self) -> str:
        """The option as it is typed."""
        return f"--{self.option} {shlex.quote(self.target)}"


def split_line(line: str) -> tuple[str, tuple[Chosen, ...]]:
    """Return a line without the options of trackers, and the trackers.

    Raises BadSetting for an option without a value, NotInstalled where a package is missing.
    """
    found = [choose(each["kind"], _unquote(each["target"])) for each in _OPTION.finditer(line)]
    return _OPTION.sub("", line), tuple(found)


def choose(option: str, target: str) -> Chosen:
    """Return the tracker of an option; raises as `split_line`."""
    kind = KINDS[option]
    if not target:
        raise BadSetting(
            f"--{option} has no value.", fix=f"Add it after the name: --{option} {kind.takes}"
        )
    if find_spec(kind.package) is None:
        raise NotInstalled(
            f"--{option} {target} needs the package {kind.package}, which is not installed.",
            fix=f"%pip install {kind.package}, then the same line again",
        )
    return Chosen(option, target)


def choose_given(values: Mapping[str, Any]) -> tuple[Chosen, ...]:
    """Return the trackers of the options that were given; raises as `split_line`."""
    return tuple(
        choose(option, values[option]) for option in KINDS if values.get(option) is not None
    )


def _unquote(word: str | None) -> str:
    return (word or "").strip("\"'")
