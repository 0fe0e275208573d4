from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import place
from dl_magics.errors import NotConnected
from dl_magics.store import notebook_session, state
from support.files import locked
from support.kernel import RECORD


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", RECORD.notebook)
    monkeypatch.setattr(notebook_session, "_LAST_SECONDS", 0.0)
    yield
    notebook_session.release(notebook_session.current())


def test_a_notebook_that_was_never_connected_trains_on_this_computer():
    assert place.find_place().sentence == (
        "Trains on this computer: no GPU kernel is connected to this notebook."
    )


def test_a_notebook_that_was_disconnected_says_from_which_instance():
    state.connect_kernel("5c81f0aa", replace(RECORD, connected=False))

    assert place.find_place().sentence == (
        "Trains on this computer: %gpu_disconnect ended the connection to gpu."
    )


def test_the_gpu_kernel_of_an_earlier_notebook_is_offered():
    state.connect_kernel("5c81f0aa", replace(RECORD, notebook="earlier", title="earlier.ipynb"))

    assert "%gpu_connect --take-over 5c81f0aa (earlier.ipynb on gpu" in place.find_place().sentence


@pytest.mark.parametrize("lost", ["another kernel of the file", "another notebook"])
def test_a_notebook_whose_gpu_kernel_another_one_has_trains_here_only_when_told(lost):
    if lost == "another notebook":
        state.connect_kernel("5c81f0aa", replace(RECORD, notebook="b", taken_from=RECORD.notebook))
    else:
        state.connect_kernel("5c81f0aa", RECORD)

    with locked(notebook_session.lock_name(RECORD.notebook if "file" in lost else "b")):
        with pytest.raises(NotConnected, match="gpu") as refused:
            place.find_place()
        assert "%gpu_disconnect" in refused.value.fix
        notebook_kernel.disconnect()
        assert place.find_place().kernel is None
