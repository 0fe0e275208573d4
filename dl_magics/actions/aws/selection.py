"""The AWS profile, region and instance that this process has selected.

The state file holds what a new process starts with. A selection that another notebook stores there
later does not change what this one works with: `%aws_terminate` never reaches another account
because another notebook left the practice cloud.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from dl_magics.store import paths, state
from dl_magics.store.state import State

_held: dict[Path, State] = {}
_changing = threading.Lock()


def read() -> State:
    """Return the stored state with the selections of this process."""
    return _with_held(state.read())


def update(change: Callable[[State], State]) -> State:
    """Change the selections of this process; what changes is what a new process starts with.

    Where it cannot be stored, nothing changes: a magic without a name acts on what was selected.
    """
    changed: list[State] = []

    def store(stored: State) -> State:
        before = _with_held(stored)
        changed.append(change(before))
        return _merge(stored, before, changed[-1])

    # Another thread must not begin with what is held until this is stored.
    with _changing:
        state.update(store)
        _held[paths.data_folder()] = changed[-1]
    return changed[-1]


def select_instance(profile_and_region: str, id_: str, *, by_part: bool = False) -> None:
    """Select an instance for all magics without a name.

    `by_part` is whether neither its id nor its full name was typed.
    """

    def select(before: State) -> State:
        others = tuple(each for each in before.selected_by_part if each != id_)
        return replace(
            before,
            selected_instances={**before.selected_instances, profile_and_region: id_},
            selected_by_part=(*others, id_) if by_part else others,
        )

    update(select)


def forget_instance(id_: str) -> None:
    """Select no instance where this one, which no longer exists, was selected."""
    if id_ in read().selected_instances.values():
        update(
            lambda before: replace(
                before,
                selected_instances={
                    name: selected
                    for name, selected in before.selected_instances.items()
                    if selected != id_
                },
            )
        )


def reload() -> None:
    """Work with the stored selections, as a new process does."""
    _held.pop(paths.data_folder(), None)


def _with_held(stored: State) -> State:
    held = _held.setdefault(paths.data_folder(), stored)
    return replace(
        stored,
        profile=held.profile,
        profile_before_practice=held.profile_before_practice,
        selected_instances=held.selected_instances,
        selected_by_part=held.selected_by_part,
    )


def _merge(stored: State, before: State, new: State) -> State:
    """Return what to store: what this change selected, beside what others have selected."""
    if new.profile == before.profile:
        new = replace(
            new,
            profile=stored.profile,
            profile_before_practice=stored.profile_before_practice,
        )
    selected = dict(stored.selected_instances)
    for name in before.selected_instances | new.selected_instances:
        id_ = new.selected_instances.get(name)
        if id_ is None:
            selected.pop(name, None)
        elif id_ != before.selected_instances.get(name):
            selected[name] = id_
    named = set(before.selected_by_part) - set(new.selected_by_part)
    by_part = dict.fromkeys((*stored.selected_by_part, *new.selected_by_part))
    kept = tuple(id_ for id_ in by_part if id_ not in named and id_ in selected.values())
    return replace(new, selected_instances=selected, selected_by_part=kept)
