"""Asks a person in JupyterLab, by a dialog of the panel, where the front end accepts no input.

The Jupyter server passes the question on, so that it can be answered while this kernel waits.
"""

from __future__ import annotations

import time

from dl_magics.errors import NotConfirmed
from dl_magics.magics.display.front_end import get_notebook_name
from dl_magics.store import questions

# Without the panel, or with no page of JupyterLab open, nothing shows the question.
_SHOWN_SECONDS = 10.0
_LOOK_SECONDS = 0.2


def ask_person(text: str) -> bool | None:
    """Return the answer to a question; None if no browser shows it. An interrupt ends it.

    Raises
    ------
    NotConfirmed
        if it was shown, but not answered within ten minutes.
    """
    began = time.monotonic()
    with questions.ask_question(text, get_notebook_name()) as asked:
        while (answer := questions.take_answer(asked.id)) is None:
            waited = time.monotonic() - began
            if waited > _SHOWN_SECONDS and not questions.is_shown(asked.id):
                return None
            if waited > questions.OPEN_SECONDS:
                raise NotConfirmed(
                    f"{text} — it was not answered within {questions.OPEN_SECONDS / 60:.0f} "
                    "minutes. Nothing was changed.",
                    fix="Run the cell again, and answer the dialog of JupyterLab.",
                )
            time.sleep(_LOOK_SECONDS)
        return answer
