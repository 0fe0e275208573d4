from __future__ import annotations

import pytest

from dl_magics.gpu_kernel.load_ext import replace_load_ext

SENTENCE = (
    "This runs on gpu, where dl_magics is not loaded: its magics work in a notebook whose kernel "
    "runs on your computer."
)


@pytest.mark.parametrize("line", ["%load_ext dl_magics", "%reload_ext  dl_magics "])
def test_in_a_cell_for_the_gpu_kernel_it_prints_where_the_cell_runs(line, capsys):
    exec(replace_load_ext(f"x = 6\nif x:\n    {line}\nprint(x)", "gpu"))

    assert capsys.readouterr().out == f"{SENTENCE}\n6\n"


@pytest.mark.parametrize(
    "code",
    ["%load_ext autoreload", "# %load_ext dl_magics", "%load_ext dl_magics_of_others", "print(1)"],
)
def test_other_code_is_left_as_it_is(code):
    assert replace_load_ext(code, "gpu") == code
