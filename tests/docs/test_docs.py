"""The pages of docs/ build without a warning, and what they tell a person to type is valid."""

from __future__ import annotations

import json
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from dl_magics import errors, magics
from dl_magics.magics import training_cell
from dl_magics.training.recipe import cell_parser
from dl_magics.training.recipe.settings import SETTINGS
from support.docs import PAGES, read_blocks

ROOT = Path(__file__).parents[2]
FUNCTIONS = {
    name: getattr(each, method)
    for each in magics.ALL
    for table in each.magics.values()
    for name, method in table.items()
}


def parse(line, body):
    """Parse a line of a magic by its own parser, which raises an error for one not valid."""
    name, _, rest = line.lstrip("%").partition(" ")
    if name in ("load_ext", "config"):
        return
    if name == "finetune":
        words = [word for word in rest.split() if word != "--check"]
        if words[0] == training_cell.RESUME:
            training_cell.parse_resume(" ".join(words), body)
        else:
            cell_parser.parse_cell(" ".join(words), body, {"SIZE": 64})
    else:
        FUNCTIONS[name].parser.parse_argstring(rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_line_of_a_page_is_valid(page):
    assert page.read_text("utf-8").startswith("# ")
    for block in read_blocks(page, "python"):
        if block.startswith("%%"):
            first, _, body = block.partition("\n")
            parse(first, body if first.startswith("%%finetune") else "")
            continue
        for line in (line for line in block.splitlines() if line.startswith("%")):
            parse(line, "")
        compile("\n".join(line for line in block.splitlines() if line[:1] != "%"), page, "exec")


def test_a_line_that_is_not_valid_is_found():
    with pytest.raises(errors.BadSetting):
        parse("%%finetune photos", "epoch = 5")


def test_the_cells_of_the_evening_are_those_of_the_notebook_that_runs():
    notebook = json.loads((ROOT / "notebooks/01_the_evening.ipynb").read_text("utf-8"))
    cells = ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]

    blocks = read_blocks(ROOT / "docs/tutorial/evening.md", "python")

    assert blocks
    assert [block for block in blocks if block.strip() not in cells] == []


def test_the_pages_build_without_a_warning_and_show_what_the_code_has(tmp_path):
    pytest.importorskip("myst_parser")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "cache"]
    done = subprocess.run(
        [*command, ROOT / "docs", tmp_path / "html"], capture_output=True, text=True, check=False
    )

    assert (done.stderr, done.returncode) == ("", 0)
    page = {name: read_html(tmp_path / f"html/reference/{name}.html") for name in NAMES}
    assert [name for name in FUNCTIONS if f"%{name}" not in page["magics"]] == []
    assert [name for name in SETTINGS if name not in page["settings"]] == []
    assert [name for name in errors.BY_NAME if name not in page["errors"]] == []
    assert "epoch_ended" in page["events"]
    assert "/keras-settings/undo" in page["rest"]
    for built in sorted((tmp_path / "html").rglob("*.html")):
        body = built.read_text("utf-8").partition('class="body"')[2]
        assert built.stem in ("search", "genindex") or "<img " in body, f"{built} has no picture"
    assert find_addresses(tmp_path / "html") == []


def find_addresses(folder):
    """Return what a page loads from the network."""
    return [
        f"{file.name}: {found}"
        for file in folder.rglob("*.html")
        for found in re.findall(r"(?:src|href)=.https?:[^ >]*", file.read_text("utf-8"))
        if "<link" in found or "src=" in found
    ]


def test_the_figures_are_those_that_figures_py_draws():
    done = runpy.run_path(str(ROOT / "docs/figures.py"))

    drawn = {name: done["draw_figure"](rows) for name, rows in done["FIGURES"].items()}
    folder = ROOT / "docs/figures"
    kept = {
        file.relative_to(folder).with_suffix("").as_posix(): file.read_text("utf-8")
        for file in folder.glob("*/*")
    }
    assert kept == drawn


NAMES = ("magics", "settings", "errors", "events", "rest")


def read_html(file):
    return re.sub(r"<[^>]+>", "", file.read_text("utf-8"))
