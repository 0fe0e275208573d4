"""The parts of an evening, by which `%dl_help` orders the magics; each magic names its own."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])


class HelpGroup(Enum):
    """A part of the evening, in the order of `%dl_help`."""

    RENT = "Rent a GPU"
    CONNECT = "Connect the notebook to it"
    DATA = "Prepare the images"
    TRAIN = "Train"
    UNDERSTAND = "Understand the result"
    STOP = "Stop paying"
    SETTINGS = "Settings"
    PRACTICE = "Practice and help"


def help_group(group: HelpGroup) -> Callable[[Method], Method]:
    """Show a magic in this group of `%dl_help`."""

    def decorate(magic: Method) -> Method:
        # IPython replaces the docstring when the parser of the magic is built.
        vars(magic).update(help_group=group, help_text=magic.__doc__)
        return magic

    return decorate
