from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.gpu import free_kernels, notebook_kernel
from dl_magics.errors import NotConnected
from dl_magics.store import notebook_session, state
from support.files import locked
from support.kernel import RECORD


@pytest.fixture
def session(monkeypatch):
    """The session of a notebook that was never connected."""
    monkeypatch.setenv("JPY_SESSION_NAME", "/day/look.ipynb")
    yield notebook_session.current()
    notebook_session.release(notebook_session.current())


def explain(session):
    return free_kernels.explain_not_connected(session)


def test_without_other_gpu_kernels_the_line_to_type_is_gpu_connect(session):
    assert explain(session).fix == "%gpu_connect"


def test_the_gpu_kernel_of_a_notebook_that_ended_is_offered_with_the_line_to_type(session):
    state.connect_kernel("5c81f0aa", RECORD)

    assert "%gpu_connect --take-over 5c81f0aa (train.ipynb on gpu, 20" in explain(session).fix


def test_at_most_three_are_offered_first_those_of_the_same_folder_then_the_newest(session):
    for n in range(4):
        other = {
            "notebook": str(n),
            "used_at": RECORD.used_at + n,
            "folder": "/" if n else session.folder,
        }
        state.connect_kernel(f"kernel{n}", replace(RECORD, **other))

    fix = explain(session).fix

    assert [word for word in fix.split() if word.startswith("kernel")] == [
        "kernel0",
        "kernel3",
        "kernel2",
    ]


def test_the_gpu_kernel_of_a_notebook_that_runs_is_neither_offered_nor_taken_over(session):
    state.connect_kernel("5c81f0aa", RECORD)

    with locked(notebook_session.lock_name(RECORD.notebook)):
        assert explain(session).fix == "%gpu_connect"
        with pytest.raises(NotConnected, match=r"5c81f0aa is in use: train\.ipynb runs"):
            free_kernels.claim(session, "5c81f0aa")
        with pytest.raises(NotConnected, match="There is no GPU kernel of an earlier notebook"):
            free_kernels.claim(session, "")

    assert state.read().kernels == {"5c81f0aa": RECORD}


def test_one_of_two_notebooks_takes_over_a_gpu_kernel_and_its_first_one_is_informed(session):
    state.connect_kernel("5c81f0aa", RECORD)
    first = notebook_session.NotebookSession(RECORD.notebook, RECORD.title, RECORD.folder)

    kernel_id, record = free_kernels.claim(session, "")

    assert kernel_id == "5c81f0aa"
    assert (record.notebook, record.taken_from) == (session.name, RECORD.notebook)
    assert "on gpu was taken over by look.ipynb" in str(explain(first))
    with pytest.raises(NotConnected, match=r"5c81f0aa is in use: look\.ipynb runs"):
        free_kernels.claim(first, "5c81f0aa")


def test_an_unknown_id_is_refused_with_the_ones_that_exist(session):
    state.connect_kernel("5c81f0aa", RECORD)

    with pytest.raises(NotConnected, match="There is no GPU kernel 12 of another") as refused:
        free_kernels.claim(session, "12")

    assert "--take-over 5c81f0aa" in refused.value.fix


def test_a_notebook_disconnects_from_an_instance_that_does_not_answer(session):
    state.connect_kernel("5c81f0aa", replace(RECORD, notebook=session.name))

    assert notebook_kernel.disconnect() == "gpu"

    assert not notebook_kernel.is_connected()
    assert state.read().kernels["5c81f0aa"].notebook == session.name


def test_a_gpu_kernel_passes_to_a_later_notebook_with_its_variables(gpu_run, monkeypatch, capsys):
    monkeypatch.setenv("JPY_SESSION_NAME", "/night/train.ipynb")
    kernel = gpu_run("%gpu_connect")
    gpu_run("%%gpu\nkept = 41")
    gpu_run("%%gpu --background\nprint('from the background')")
    notebook_kernel.detach()

    monkeypatch.setenv("JPY_SESSION_NAME", "/day/look.ipynb")
    with pytest.raises(NotConnected) as refused:
        gpu_run("%%gpu\n1")
    assert f"%gpu_connect --take-over {kernel.id} (train.ipynb on gpu" in refused.value.fix
    gpu_run("%gpu_connect --take-over")
    capsys.readouterr()
    gpu_run("%%gpu\nprint(kept + 1)")
    gpu_run("%gpu_output")
    assert capsys.readouterr().out == "42\nfrom the background\n"

    monkeypatch.setenv("JPY_SESSION_NAME", "/night/train.ipynb")
    for cell in ("%%gpu\nkept", "%%finetune data\nepochs = 1"):
        with pytest.raises(NotConnected, match=r"taken over by look\.ipynb"):
            gpu_run(cell)
    own = gpu_run("%gpu_connect")
    assert own.id != kernel.id
    notebook_kernel.disconnect(end_kernel=True)
    monkeypatch.setenv("JPY_SESSION_NAME", "/day/look.ipynb")
    notebook_kernel.disconnect(end_kernel=True)


def test_a_notebook_without_a_session_name_stays_connected_in_another_folder(
    gpu_run, monkeypatch, tmp_path, capsys
):
    monkeypatch.delenv("JPY_SESSION_NAME")
    monkeypatch.chdir(tmp_path)
    gpu_run("%gpu_connect")
    gpu_run("%%gpu\nx = 1")

    gpu_run("%cd -q /")
    capsys.readouterr()
    gpu_run("%%gpu\nprint(x)")

    assert capsys.readouterr().out == "1\n"
    notebook_kernel.disconnect(end_kernel=True)
