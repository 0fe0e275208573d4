"""`%manage_aws`: a live table of all instances with their cost and buttons.

The browser numbers each click and shows it as waiting until the kernel has received it, so that no
click is lost unnoticed. Actions run in threads, so that the kernel can run cells meanwhile.
"""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import traitlets as t

from dl_magics.actions.aws import context, instances, price_list, resize
from dl_magics.actions.aws.billing import bill
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import control, safety
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.widgets.assets import load_script, load_style
from dl_magics.widgets.live import LiveWidget

_SECONDS = 3.0
_HOUR = 3600.0


class Panel(LiveWidget):
    """The instances of the selected profile and region, refreshed every `seconds` until closed."""

    _esm = load_script("instances.js")
    _css = load_style("instances.css")
    summary = t.Unicode().tag(sync=True)
    account = t.Unicode().tag(sync=True)
    rows = t.List(t.Dict()).tag(sync=True)
    types = t.Dict().tag(sync=True)
    received = t.Int(0).tag(sync=True)
    notes = t.Dict().tag(sync=True)

    def __init__(self, seconds: float = _SECONDS) -> None:
        super().__init__(again="%manage_aws")
        self._changing = threading.Lock()
        self._at_work: set[str] = set()
        self._do: dict[str, Callable[[Context, dict[str, Any]], Iterator[Instance]]] = {
            "start": lambda current, click: instances.start(current, click["id"]),
            "stop": lambda current, click: instances.stop(current, click["id"]),
            "keep": lambda current, click: _keep_for_an_hour(current, click["id"]),
            "resize": lambda current, click: resize.resize(current, click["type"], click["id"]),
        }
        context.load()  # without an account or a region there is nothing to refresh
        self.refresh()
        self.on_msg(lambda _, click, __: self.receive_click(click))
        threading.Thread(
            target=self._keep_refreshing, args=(seconds,), name="refresh instances", daemon=True
        ).start()

    def refresh(self) -> None:
        """Read all instances from AWS."""
        try:
            current = context.load()
            listing, account = instances.list_instances(current), current.account
            rows = [describe_row(current, each) for each in listing]
            types = price_list.describe_types(current)
        except DLMagicsError as error:
            self._note("", error)
            return
        with self._changing:
            self.summary = listing.summary
            self.types = types
            self.account = account
            self.rows = rows
            self.notes = {key: note for key, note in self.notes.items() if key}

    def receive_click(self, click: dict[str, Any]) -> None:
        """Handle one click; refuse it while an earlier action on the same instance is running."""
        self.received = max(self.received, int(click["n"]))
        id_ = click["id"]
        if click["action"] == "connect":
            self._connect(id_)
        elif id_ in self._at_work:
            self._note(id_, "An action is already running on this instance: the click was ignored.")
        else:
            self._at_work.add(id_)
            threading.Thread(
                target=self._work, args=(click,), name="change instances", daemon=True
            ).start()

    def _work(self, click: dict[str, Any]) -> None:
        id_, action = click["id"], click["action"]
        self._note(id_, f"{action} …")
        try:
            current = context.load()
            for instance in self._do[action](current, click):
                self._show(current, instance)
                self._note(id_, str(instance))
        except DLMagicsError as error:
            self._note(id_, error)
        finally:
            self._at_work.discard(id_)
            self.refresh()

    def _connect(self, id_: str) -> None:
        try:
            self._note(
                id_, f"In a terminal: {shlex.join(instances.ssh_command(context.load(), id_))}"
            )
        except DLMagicsError as error:
            self._note(id_, error)

    def _show(self, current: Context, instance: Instance) -> None:
        fresh = describe_row(current, instance)
        with self._changing:
            self.rows = [fresh if row["id"] == instance.id else row for row in self.rows]

    def _note(self, id_: str, message: str | DLMagicsError) -> None:
        text = (
            message
            if isinstance(message, str)
            else f"{type(message).__name__}: {message}\n{message.fix}"
        )
        with self._changing:
            self.notes = {**self.notes, id_: text}

    def _keep_refreshing(self, seconds: float) -> None:
        while not self._closed.wait(seconds):
            self.refresh()


def _keep_for_an_hour(current: Context, id_: str) -> Iterator[Instance]:
    """Keep an instance running; yield it with what its guard does then."""
    instance = current.resolve_instance(id_)
    text = safety.describe_change(control.keep_running(current, instance, _HOUR))
    yield replace(instance, note=f"{text[:1].upper()}{text[1:]}")


def describe_row(current: Context, instance: Instance) -> dict[str, Any]:
    """Return an instance with what the table and its questions say about it."""
    return {
        **instance.to_json(),
        "seconds": instance.seconds,
        "price": instance.price_text,
        "disk": instance.month_text,
        "month": money.format_dollars(bill.read_month(instance)),
        "start": instances.describe_start(current, instance),
    }
