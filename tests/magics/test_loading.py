from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    "keras",
    "tensorflow",
    "jax",
    "torch",
    "boto3",
    "matplotlib",
    "ipywidgets",
    "anywidget",
    "numpy",
    "PIL",
)
LOAD = """
import json, sys
from IPython.core.interactiveshell import InteractiveShell

shell = InteractiveShell()
from IPython.core.magics import extension  # IPython's own, imported by the first magic of a shell
before = set(sys.modules)
shell.run_line_magic("load_ext", "dl_magics")
print(json.dumps({"magic": shell.find_cell_magic("finetune") is not None,
                  "new": sorted(set(sys.modules) - before)}))
"""
# What `%load_ext` may import beside dl_magics.magics: what finds our folder.
NEEDED = {
    *("dl_magics", "dl_magics.errors", "dl_magics.text", "dl_magics.version", "dl_magics.magics"),
    *("dl_magics.keras_config", "dl_magics.keras_config.cuda_visible_devices"),
    *("dl_magics.store", "dl_magics.store.paths"),
    *("dl_magics.store.lock", "dl_magics.store.notebook_session", "dl_magics.store.private"),
}
NEEDED_OF_OTHERS = {"IPython", "jupyter_core", "platformdirs"}
MODULES_OF_MAGICS = 44
OURS = ("finetune", "runs", "attach")


def magics(shell):
    tables = shell.magics_manager.magics
    return [name for kind in ("line", "cell") for name in OURS if name in tables[kind]]


def configurables(shell):
    return [each for each in shell.configurables if type(each).__name__ == "FinetuneMagics"]


@pytest.fixture(scope="module")
def fresh():
    done = subprocess.run(
        [sys.executable, "-c", LOAD], capture_output=True, text=True, check=True
    ).stdout
    return json.loads(done.splitlines()[-1])


def test_the_magics_are_there_after_loading_in_a_fresh_process(fresh):
    assert fresh["magic"]


@pytest.mark.parametrize("heavy", HEAVY)
def test_loading_imports_nothing_heavy(fresh, heavy):
    assert heavy not in fresh["new"]


def test_loading_imports_only_the_magics_and_what_finds_our_folder(fresh):
    ours = {name for name in fresh["new"] if name.split(".")[0] == "dl_magics"}
    magics = {name for name in ours if name.startswith("dl_magics.magics.")}

    assert ours - magics == NEEDED
    assert len(magics) <= MODULES_OF_MAGICS
    assert not {"dl_magics.magics.display.live", "dl_magics.magics.display.messages"} & magics


def test_loading_imports_no_module_of_ipython_but_that_of_arguments(fresh):
    imported = {name for name in fresh["new"] if name.startswith("IPython.")}

    assert imported <= {"IPython.core.magic_arguments"}


def test_loading_imports_no_module_of_the_standard_library_beyond_ipythons(fresh):
    tops = {name.partition(".")[0] for name in fresh["new"]} - {"dl_magics"}

    assert tops - NEEDED_OF_OTHERS == set()


def test_importing_the_package_imports_nothing_else():
    code = (
        "import sys; before = set(sys.modules); import dl_magics; print(set(sys.modules) - before)"
    )

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout

    assert "IPython" not in said
    assert "traitlets" not in said


def test_loading_registers_each_magic(shell):
    shell.run_line_magic("load_ext", "dl_magics")

    assert magics(shell) == ["finetune", "runs", "attach", "finetune"]
    assert len(configurables(shell)) == 1


def test_loading_again_leaves_no_old_magics(shell):
    shell.run_line_magic("load_ext", "dl_magics")
    (before,) = configurables(shell)

    shell.run_line_magic("reload_ext", "dl_magics")

    (after,) = configurables(shell)
    assert after is not before
    assert magics(shell) == ["finetune", "runs", "attach", "finetune"]
    assert shell.find_cell_magic("finetune").__self__ is after


def test_unloading_takes_everything_away(shell):
    before = {kind: set(table) for kind, table in shell.magics_manager.magics.items()}
    shell.run_line_magic("load_ext", "dl_magics")

    shell.run_line_magic("unload_ext", "dl_magics")

    assert configurables(shell) == []
    assert {kind: set(table) for kind, table in shell.magics_manager.magics.items()} == before
    assert "FinetuneMagics" not in shell.magics_manager.registry


def test_the_way_a_run_is_shown_can_be_set_in_the_notebook(shell):
    shell.run_line_magic("load_ext", "dl_magics")

    shell.run_cell("%config FinetuneMagics.live = 'plain'")

    assert configurables(shell)[0].live == "plain"


@pytest.mark.parametrize(
    "example", ["%%finetune data/dogscats", "%finetune data/dogscats --epochs 3"]
)
def test_the_help_of_finetune_shows_two_examples(shell, example):
    shell.run_line_magic("load_ext", "dl_magics")

    assert example in shell.object_inspect_text("%finetune")


def test_loading_the_magics_imports_no_boto3():
    code = (
        "import sys, dl_magics.magics.aws, dl_magics.magics.practice\n"
        "print({'boto3', 'botocore', 'asyncssh', 'moto', 'ipywidgets'} & set(sys.modules))"
    )

    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert output.stdout.strip() == "set()"
