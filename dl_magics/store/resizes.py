"""Changes of an instance's type that stop it first: kept until it runs again with the new type.

A process that ends in between leaves a stopped instance. The next one can say so, and go on.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from dl_magics.core.instance import Instance
from dl_magics.errors import DamagedFile
from dl_magics.store import lock, paths

FILE_NAME = "resizes.json"
# Another start of the instance has another time; JSON and EC2 keep whole seconds.
_SAME_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Resize:
    """The new type; `launched_at` is the last start of the instance before it was stopped."""

    type: str
    launched_at: float


def begin(id_: str, resize: Resize) -> None:
    """Store that a running instance is stopped to change its type."""
    _change(id_, resize)


def end(id_: str) -> None:
    """Forget the change of an instance, which runs again."""
    if id_ in _read():
        _change(id_, None)


def find_unfinished(instance: Instance) -> Resize | None:
    """Return the change for which an instance was stopped, if nothing has started it since."""
    found = _read().get(instance.id)
    if not found or instance.state not in ("stopping", "stopped"):
        return None
    is_same = abs(found.launched_at - instance.launched_at) < _SAME_SECONDS
    return found if is_same else None


def lock_name(id_: str) -> str:
    """Return the name of the lock that a process holds while it changes the type."""
    return f"resize-{id_}"


def is_at_work(id_: str) -> bool:
    """Whether a process changes the type of an instance now."""
    return lock.is_held(lock_name(id_))


def _change(id_: str, resize: Resize | None) -> None:
    with lock.hold("resizes"):
        kept = {name: each for name, each in _read().items() if name != id_}
        if resize:
            kept[id_] = resize
        text = json.dumps({name: asdict(each) for name, each in kept.items()}, indent=2)
        paths.replace_file(paths.data_folder() / FILE_NAME, text)


def _read() -> dict[str, Resize]:
    path = paths.data_folder() / FILE_NAME
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {name: Resize(**each) for name, each in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{path} cannot be read: {error}.",
            fix="Delete it, then look at the types of your instances: %aws_list",
        ) from error
