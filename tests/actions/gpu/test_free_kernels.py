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
    host = {"alias": "i-0123456789abcdef0", "name": "gpu"}
    state.connect_kernel("5c81f0aa", replace(RECORD, notebook=session.name, host=host))

    left = str(notebook_kernel.disconnect())

    assert left.startswith("Disconnected from gpu. Whether the GPU kernel keeps running is not ")
    assert not notebook_kernel.is_connected()
    assert state.read().kernels["5c81f0aa"].notebook == session.name


def test_a_host_that_is_no_instance_costs_nothing_that_a_stop_ends(session):
    host = {"alias": "ada@lab.example.org", "name": "ada@lab.example.org"}
    state.connect_kernel("5c81f0aa", replace(RECORD, notebook=session.name, host=host))

    assert str(notebook_kernel.disconnect()) == (
        "Disconnected from ada@lab.example.org. The GPU kernel keeps running; "
        "%gpu_connect ada@lab.example.org reattaches."
    )


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


def make_older(stored):
    """Return the state of a minute later: EC2 gives the time of a start in whole seconds."""
    kernels = {
        kernel_id: replace(each, used_at=each.used_at - 60)
        for kernel_id, each in stored.kernels.items()
    }
    return replace(stored, kernels=kernels)


def test_a_gpu_kernel_that_ended_with_its_instance_is_not_offered_and_its_end_is_said(
    gpu_run, monkeypatch, capsys
):
    def use(notebook):
        monkeypatch.setenv("JPY_SESSION_NAME", f"/night/{notebook}.ipynb")
        capsys.readouterr()

    use("second")
    gpu_run("%gpu_connect")
    use("first")
    kernel = gpu_run("%gpu_connect")
    gpu_run("%%gpu\nkept = 41")
    runs = gpu_run("%gpu_disconnect")
    gpu_run("%gpu_connect")
    state.update(make_older)

    gpu_run("%aws_stop")
    stopped = gpu_run("%gpu_disconnect")
    gpu_run("%aws_start -y")
    use("second")
    restarted = gpu_run("%gpu_disconnect")
    use("third")
    with pytest.raises(NotConnected) as refused:
        gpu_run("%%gpu\n1")
    gpu_run("%gpu_connect")
    offered = capsys.readouterr().out
    use("first")
    again = gpu_run("%gpu_connect")
    said = capsys.readouterr().out
    gpu_run("%gpu_log")
    log = repr(gpu_run("%gpu_log"))
    gpu_run("%gpu_connect")
    reattached = capsys.readouterr().out
    use("third")
    gpu_run("%gpu_disconnect --end-kernel")
    use("first")
    gpu_run("%aws_terminate gpu -f")
    terminated = gpu_run("%gpu_disconnect --end-kernel")

    assert runs == (
        "Disconnected from gpu. The GPU kernel keeps running; %gpu_connect gpu reattaches. "
        "%aws_stop gpu stops the charges."
    )
    ended = "Disconnected from gpu. Its GPU kernel has ended, with its variables: gpu"
    assert stopped == f"{ended} is stopped."
    assert restarted.startswith(f"{ended} was stopped, and started again at ")
    assert restarted.endswith(". %aws_stop gpu stops the charges.")
    assert terminated == f"{ended} is terminated."
    assert refused.value.fix == "%gpu_connect"
    assert "take-over" not in offered
    assert again.id == kernel.id
    new = "The earlier GPU kernel on gpu has ended: this is a new one, without its variables."
    assert new in said
    assert new not in offered + reattached
    assert "kept = 41" in log
