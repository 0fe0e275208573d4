"""`%manage_aws`: every instance with its cost and its buttons, live.

A click is numbered by the browser and shown as waiting until the kernel has heard it, so that none
is lost silently. Work goes on in threads: the kernel stays free.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t

from dl_magics.actions.aws import context, instances, price_list
from dl_magics.actions.aws.context import Context
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError

HERE = Path(__file__).parent
_SECONDS = 3.0


class Panel(anywidget.AnyWidget):
    """The instances of the chosen place; it looks again every few seconds until it is closed."""

    _esm = HERE / "instances.js"
    _css = HERE / "instances.css"
    summary = t.Unicode().tag(sync=True)
    rows = t.List(t.Dict()).tag(sync=True)
    types = t.Dict().tag(sync=True)
    heard = t.Int(0).tag(sync=True)
    notes = t.Dict().tag(sync=True)

    def __init__(self, seconds: float = _SECONDS) -> None:
        super().__init__()
        self._closed = threading.Event()
        self._changing = threading.Lock()
        self._at_work: set[str] = set()
        self._do: dict[str, Callable[[Context, dict[str, Any]], Iterator[Instance]]] = {
            "start": lambda current, click: instances.start(current, click["id"]),
            "stop": lambda current, click: instances.stop(current, click["id"]),
            "resize": _resize,
        }
        self.look()
        self.types = price_list.describe_types(context.load())
        self.on_msg(lambda _, click, __: self.hear(click))
        threading.Thread(target=self._keep_looking, args=(seconds,), daemon=True).start()

    def look(self) -> None:
        """Read all instances again."""
        try:
            listing = instances.list_instances(context.load())
        except DLMagicsError as error:
            self._note("", error)
            return
        with self._changing:
            self.summary = listing.summary
            self.rows = [_row(each) for each in listing]
            self.notes = {key: note for key, note in self.notes.items() if key}

    def hear(self, click: dict[str, Any]) -> None:
        """Take one click; a second one for the same instance is refused while the first works."""
        self.heard = max(self.heard, int(click["n"]))
        id_ = click["id"]
        if click["action"] == "connect":
            self._connect(id_)
        elif id_ in self._at_work:
            self._note(id_, "It is still busy with the click before; this one was not done.")
        else:
            self._at_work.add(id_)
            threading.Thread(target=self._work, args=(click,), daemon=True).start()

    def close(self) -> None:
        self._closed.set()
        super().close()

    def _work(self, click: dict[str, Any]) -> None:
        id_, action = click["id"], click["action"]
        self._note(id_, f"{action} …")
        try:
            for instance in self._do[action](context.load(), click):
                self._show(instance)
                self._note(id_, str(instance))
        except DLMagicsError as error:
            self._note(id_, error)
        finally:
            self._at_work.discard(id_)
            self.look()

    def _connect(self, id_: str) -> None:
        try:
            self._note(
                id_, f"In a terminal: {shlex.join(instances.ssh_command(context.load(), id_))}"
            )
        except DLMagicsError as error:
            self._note(id_, error)

    def _show(self, instance: Instance) -> None:
        with self._changing:
            fresh = _row(instance)
            self.rows = [fresh if row["id"] == instance.id else row for row in self.rows]

    def _note(self, id_: str, said: str | DLMagicsError) -> None:
        text = said if isinstance(said, str) else f"{type(said).__name__}: {said}\n{said.fix}"
        with self._changing:
            self.notes = {**self.notes, id_: text}

    def _keep_looking(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            self.look()


def _resize(current: Context, click: dict[str, Any]) -> Iterator[Instance]:
    instances.check_resize(current, click["type"], current.resolve_instance(click["id"]))
    yield from instances.resize(current, click["type"], click["id"])


def _row(instance: Instance) -> dict[str, Any]:
    return {
        **instance.to_json(),
        "seconds": instance.seconds,
        "price": money.format_per_hour(instance.dollars_per_hour),
        "disk": f"{money.format_dollars(instance.dollars_per_month)}/month",
    }
