"""Go through doubtful images where they are: by their loss in a run, or by the label check."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from dl_magics.actions.aws.explain.shell import Script, comment
from dl_magics.actions.results.place import ResultPlace
from dl_magics.data.cleaning.journal import ACTIONS, Step
from dl_magics.errors import NoAnswer, NoSuchFile
from dl_magics.runs.evaluation import Evaluation
from dl_magics.runs.report import examples
from dl_magics.text import escape_controls
from dl_magics.training.checks import cleaning_requests as requests

_MOST_LINES, _MOST_PHOTOS = 20, 500
_NONE = "There are no images to check."


class Place(Protocol):
    """Where the images are."""

    @property
    def host(self) -> str:
        """The name of the host; "" is this computer."""

    def call(self, function: Callable[..., Any], **arguments: Any) -> Any:
        """Call a function of `cleaning_requests` there."""


@dataclass(frozen=True, slots=True)
class Photo:
    """An image to look at: its path below the folder, its label, and why it is doubtful."""

    path: str
    label: str
    why: str


@dataclass
class Cleaning:
    """Doubtful images, most doubtful first, and what was decided about them.

    Each decision is done and journalled at once, where the images are: `keep`, `relabel`,
    `quarantine`, and `undo` of the last one or of one image.
    """

    place: Place
    root: str
    classes: tuple[str, ...]
    photos: tuple[Photo, ...]
    note: str = ""
    steps: dict[str, Step] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.look()

    def look(self) -> None:
        """Read the journal again."""
        sent = self.place.call(requests.list_steps, root=self.root)
        try:
            steps = [Step(int(each["n"]), *map(str, _fields(each))) for each in sent["steps"]]
        except (TypeError, KeyError, ValueError) as error:
            raise NoAnswer(
                f"The host sent an invalid journal: {error}.", fix="Run the same line again."
            ) from error
        self.steps = {each.path: each for each in steps}

    def keep(self, path: str) -> str:
        """Remember that an image is right as it is."""
        return self._take("keep", path)

    def relabel(self, path: str, to: str) -> str:
        """Move an image into the folder of the class `to`."""
        return self._take("relabel", path, to)

    def quarantine(self, path: str) -> str:
        """Move an image into the quarantine of its folder."""
        return self._take("quarantine", path)

    def undo(self, path: str = "") -> str:
        """Undo the last decision, or the last one about an image."""
        undone = self.place.call(requests.undo_step, root=self.root, path=path)
        self.look()
        return f"{undone['path']} is back as it was." if undone else "There is nothing to undo."

    def describe_step(self, path: str) -> str:
        """Return what was decided about an image: `kept`, `now dogs`; "" for nothing."""
        step = self.steps.get(path)
        if step is None:
            return ""
        if step.action == "relabel":
            label = self._find(path).label
            old, new = path.split("/"), step.to.split("/")
            return f"now {new[old.index(label)]}"
        return "kept" if step.action == "keep" else "in the quarantine"

    def load_pictures(self, paths: Sequence[str]) -> Mapping[str, str]:
        """Return small pictures by path, wherever the images are now; without unreadable ones."""
        now = {path: self.steps[path].to or path if path in self.steps else path for path in paths}
        sent = self.place.call(requests.draw_pictures, root=self.root, paths=list(now.values()))
        pictures = examples.check_pictures(sent)
        return {path: pictures[at] for path, at in now.items() if at in pictures}

    @property
    def summary(self) -> str:
        """How many images were looked at, and what became of them."""
        if not self.photos:
            return self.note or _NONE
        actions = [self.steps[each.path].action for each in self.photos if each.path in self.steps]
        where = f" on {self.place.host}" if self.place.host else ""
        counts = ", ".join(
            f"{actions.count(action):,} {words}"
            for action, words in zip(ACTIONS, ("kept", "relabelled", "in quarantine"), strict=True)
        )
        looked = f"{len(actions):,} of {len(self.photos):,} images"
        return f"{looked} of {self.root}{where} looked at: {counts}"

    def __repr__(self) -> str:
        lines = [self.summary]
        for each in self.photos[:_MOST_LINES]:
            done = self.describe_step(each.path)
            lines.append(f"  {each.path}: {each.why}" + (f" ({done})" if done else ""))
        if len(self.photos) > _MOST_LINES:
            lines.append(f"  and {len(self.photos) - _MOST_LINES:,} more: .photos")
        if self.photos:
            lines.append(
                ".keep(path), .relabel(path, class), .quarantine(path), .undo() decide at once."
            )
        return "\n".join(map(escape_controls, lines))

    def _take(self, action: str, path: str, to: str = "") -> str:
        photo = self._find(path)
        self.place.call(
            requests.take_step, root=self.root, action=action, path=path, label=photo.label, to=to
        )
        self.look()
        return f"{path}: {self.describe_step(path)}."

    def _find(self, path: str) -> Photo:
        for each in self.photos:
            if each.path == path:
                return each
        raise NoSuchFile(f"{path!r} is not one of these images.", fix="They are listed in .photos")


def clean_by_run(place: ResultPlace, found: Evaluation) -> Cleaning:
    """Return the images that a run was wrong about or unsure of, the highest loss first."""
    return Cleaning(
        place,
        found.root,
        found.classes,
        tuple(
            Photo(
                each.path,
                each.truth or "",
                f"labelled {each.truth}, predicted {each.predicted} ({each.probability:.1%})",
            )
            for each in found.top_losses(_MOST_PHOTOS)
        ),
    )


def clean_by_labels(place: Place, path: str, features: str) -> Cleaning:
    """Return the images of a folder whose label disagrees with the features that a run has kept."""
    sent = place.call(requests.list_doubtful, path=path, features=features)
    try:
        photos = tuple(Photo(*map(str, each)) for each in sent["photos"][:_MOST_PHOTOS])
        return Cleaning(
            place, str(sent["root"]), tuple(map(str, sent["classes"])), photos, str(sent["note"])
        )
    except (TypeError, KeyError) as error:
        raise NoAnswer(
            f"The host sent an invalid answer: {error}.", fix="Run the same line again."
        ) from error


def explain(path: str) -> Script:
    """Return what the clicks do, as lines of a shell."""
    folder = shlex.quote(path or "DATA")
    quarantine = f"{folder}/.quarantine/TIME/cats"
    return Script(
        "\n".join(
            (
                comment("moves no file until a button is clicked; each click does one of these:"),
                f"mv -n {folder}/cats/1.jpg {folder}/dogs/1.jpg",
                f"mkdir -p {quarantine} && mv -n {folder}/cats/1.jpg {quarantine}/",
                comment(f"and is listed in {folder}/.cleaning/cleaning.jsonl, which Undo reads"),
            )
        )
    )


def _fields(sent: Mapping[str, Any]) -> tuple[Any, ...]:
    return sent["action"], sent["path"], sent["to"]
