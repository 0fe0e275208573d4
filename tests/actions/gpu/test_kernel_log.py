from __future__ import annotations

import nbformat
import pytest

from dl_magics.actions.gpu import kernel_log
from dl_magics.errors import BadSetting
from support.messages import event, output, sent, status, stream

WIDGET = "application/vnd.jupyter.widget-view+json"


def cell(code="1", id_="a", count=1):
    """The entries of a cell that has begun."""
    return [
        sent(id_, code),
        status("busy", id_),
        output("execute_input", id_, execution_count=count),
    ]


def outputs(*entries):
    (built,) = kernel_log.build_notebook([*cell(), *entries]).cells
    return [
        each.text if each.output_type == "stream" else each.get("data") or each.ename
        for each in built.outputs
    ]


def show(kind, text, display_id="", count=1, **more):
    return output(
        kind,
        "a",
        data={"text/plain": text, **more},
        metadata={},
        transient={"display_id": display_id},
        execution_count=count,
    )


def test_a_cell_has_its_code_its_number_and_its_outputs():
    notebook = kernel_log.build_notebook(
        [
            *cell("print(6)\n6 * 7", count=3),
            stream("6\n", "a"),
            output(
                "execute_result", "a", data={"text/plain": "42"}, metadata={}, execution_count=3
            ),
            *cell("1 / 0", "b", 4),
            output(
                "error", "b", ename="ZeroDivisionError", evalue="division by zero", traceback=[]
            ),
        ]
    )

    nbformat.validate(notebook)
    first, second = notebook.cells
    assert (first.source, first.execution_count) == ("print(6)\n6 * 7", 3)
    assert [each.output_type for each in first.outputs] == ["stream", "execute_result"]
    assert (second.execution_count, second.outputs[0].ename) == (4, "ZeroDivisionError")


def test_output_after_the_end_of_a_cell_is_under_it():
    notebook = kernel_log.build_notebook(
        [*cell(), status("idle", "a"), *cell("2", "b", 2), stream("late", "a")]
    )

    first, second = notebook.cells
    assert [each.text for each in first.outputs] == ["late"]
    assert second.outputs == []


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([stream("a\n", "a"), stream("b\n", "a")], ["a\nb\n"]),
        ([stream("a", "a"), stream("b", "a", "stderr"), stream("c", "a")], ["a", "b", "c"]),
        ([stream("a", "a"), output("clear_output", "a", wait=False)], []),
        ([stream("a", "a"), output("clear_output", "a", wait=True)], ["a"]),
        ([stream("a", "a"), output("clear_output", "a", wait=True), stream("b", "a")], ["b"]),
        (
            [show("display_data", "0 %", "d"), show("update_display_data", "9 %", "d")],
            [{"text/plain": "9 %"}],
        ),
        ([show("update_display_data", "9 %", "other")], []),
        ([show("display_data", "bar", **{WIDGET: {"model_id": "1"}})], [{"text/plain": "bar"}]),
    ],
    ids=["merged", "two streams", "cleared", "not yet", "replaced", "updated", "unknown", "widget"],
)
def test_outputs_are_those_that_a_front_end_shows(entries, expected):
    assert outputs(*entries) == expected


@pytest.mark.parametrize(
    "entry",
    [
        output("stream", "a", name="stdout"),
        output("stream", "a", name="stdout", text=None),
        output("display_data", "a", data=3, metadata={}),
        output("execute_input", "a", execution_count="x"),
        output("update_display_data", "a", data={}),
        output("update_display_data", "a", data={}, metadata={}, transient=3),
        output("update_display_data", "a", data={}, metadata={}, transient={"display_id": []}),
    ],
)
def test_a_message_that_is_not_valid_is_left_out(entry):
    nbformat.validate(kernel_log.build_notebook([*cell(), entry]))
    assert outputs(entry) == []


def test_requests_of_dl_magics_itself_are_left_out():
    entries = [sent("a", "exec('')", silent=True), sent("b", "exec('')", store_history=False)]

    assert kernel_log.build_notebook(entries).cells == []


def test_what_became_of_the_kernel_is_said_between_the_cells():
    notebook = kernel_log.build_notebook(
        [
            event("kernel_started"),
            *cell(),
            event("kernel_died", why="out of memory"),
            event("kernel_started"),
            *cell("2", "b"),
        ]
    )

    nbformat.validate(notebook)
    assert [each.source for each in notebook.cells] == [
        "1",
        "*The GPU kernel died: out of memory.*",
        "*The GPU kernel was restarted: the variables of the cells above are lost.*",
        "2",
    ]


@pytest.fixture
def written(tmp_path):
    return kernel_log.write_notebook(kernel_log.build_notebook(cell()), tmp_path / "run.ipynb")


def test_a_notebook_that_it_wrote_is_replaced_by_a_longer_one(written):
    longer = kernel_log.build_notebook([*cell(), *cell("2", "b")])

    kernel_log.write_notebook(longer, written)

    assert len(nbformat.read(written, as_version=4).cells) == 2


def edit(path):
    changed = nbformat.read(path, as_version=4)
    changed.cells[0].source += "  # mine"
    nbformat.write(changed, path)


def be_a_folder(path):
    path.unlink()
    path.mkdir()


def be_a_dangling_link(path):
    path.unlink()
    path.symlink_to("nowhere.ipynb")


NO_NOTEBOOKS = (
    b"",
    b"\xff\xfe",
    b"{}",
    b"[]",
    b"7",
    b'{"cells": 7}',
    b'{"nbformat": 4, "nbformat_minor": 5, "cells": 7}',
    b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{}]}',
    b'{"nbformat": 3, "worksheets": 7}',
    b'{"nbformat": 99, "cells": []}',
    b"[" * 100_000,
)


@pytest.mark.parametrize(
    "spoil",
    [
        edit,
        be_a_folder,
        be_a_dangling_link,
        lambda path: path.write_text("not a notebook"),
        lambda path: nbformat.write(nbformat.v4.new_notebook(), path),
        *(lambda path, text=text: path.write_bytes(text) for text in NO_NOTEBOOKS),
    ],
    ids=[
        "edited",
        "folder",
        "link",
        "text",
        "another notebook",
        *(str(text[:70]) for text in NO_NOTEBOOKS),
    ],
)
def test_what_it_did_not_write_is_not_replaced_and_a_free_name_is_offered(written, spoil):
    spoil(written)
    written.with_name("run-2.ipynb").touch()

    with pytest.raises(BadSetting, match=r"run\.ipynb exists") as refused:
        kernel_log.write_notebook(kernel_log.build_notebook(cell()), written)

    assert refused.value.fix == f"%gpu_log -o {written.with_name('run-3.ipynb')}"


def test_another_kind_of_file_is_refused_by_its_name(tmp_path):
    with pytest.raises(BadSetting) as refused:
        kernel_log.write_notebook(kernel_log.build_notebook([]), tmp_path / "my run")

    assert refused.value.fix == f"%gpu_log -o '{tmp_path}/my run.ipynb'"
    assert list(tmp_path.iterdir()) == []
