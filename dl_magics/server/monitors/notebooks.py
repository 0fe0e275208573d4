"""What kernels of notebooks say: questions that a browser has to answer, links that are lost."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict
from typing import Any

from dl_magics.core import money
from dl_magics.errors import UserError, WrongState
from dl_magics.server.publisher import Publisher
from dl_magics.store import link_outages, questions
from dl_magics.store.link_outages import Outage

# A kernel looks for an answer several times a second, unless it was killed.
_TAKEN_SECONDS = 3.0
_LOOK_SECONDS = 0.05


class NoSuchQuestion(UserError, status=404):
    """No cell waits for an answer to this question."""


class NotebookMonitor:
    """Reads what kernels have stored. All methods may be called from any thread."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self._lock = threading.Lock()
        self._asked: list[str] = []
        self._outages: dict[str, Outage] | None = None

    def step(self) -> bool:
        """Push what has changed; return whether a question or an outage is open."""
        with self._lock:
            asked = [each.id for each in questions.list_open()]
            if asked != self._asked:
                self._asked = asked
                self._publisher.publish("questions", {"ids": asked})
            before, outages = self._outages, link_outages.list_outages()
            self._outages = {each.kernel_id: each for each in outages}
            for outage in outages:
                # What came back before the first look is history.
                known = before.get(outage.kernel_id) if before is not None else None
                if outage != known and (before is not None or outage.ended_at is None):
                    self._notify(outage)
            return bool(asked or outages)

    def list_questions(self) -> list[dict[str, Any]]:
        """Return the open questions as JSON values; from now on their kernels know of a reader."""
        found = questions.list_open()
        for each in found:
            questions.mark_shown(each.id)
        return [asdict(each) for each in found]

    def answer(self, id_: str, text: str, *, yes: bool) -> None:
        """Answer a question whose text the person has read; return when its cell has the answer.

        Raises
        ------
        NoSuchQuestion
            if it is not asked, or not any more.
        WrongState
            if it has another text, or its cell does not wait.
        """
        question = next((each for each in questions.list_open() if each.id == id_), None)
        if question is None:
            raise NoSuchQuestion(
                "This question was answered already, or its cell has ended.",
                fix="Run the cell again: it asks again.",
            )
        if question.text != text:
            raise WrongState("The question has another text.", fix="Read the questions again.")
        if not questions.give_answer(id_, yes=yes):
            raise WrongState(
                "Another answer was given in the same moment.", fix="The cell shows which."
            )
        until = time.monotonic() + _TAKEN_SECONDS
        while questions.has_answer(id_):
            if time.monotonic() > until and questions.take_answer(id_) is not None:
                raise WrongState(
                    f"The cell of {question.notebook} does not wait for an answer any more.",
                    fix="Run the cell again: it asks again.",
                )
            time.sleep(_LOOK_SECONDS)

    def _notify(self, outage: Outage) -> None:
        about = f"The connection of {outage.notebook} to {outage.host}"
        if outage.ended_at is None:
            why = f" ({outage.why.rstrip('.')})" if outage.why else ""
            lost = f"{about} is lost{why}. The GPU kernel keeps running."
            self._publisher.notify("link-lost", "warning", lost)
        else:
            lasted = money.format_duration(outage.ended_at - outage.since)
            self._publisher.notify("link-back", "success", f"{about} is back after {lasted}.")
