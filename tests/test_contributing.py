"""What CONTRIBUTING and CHANGELOG say of the tree is true."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from dl_magics import errors

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FILES = sorted(set(re.findall(r"`((?:\w+/)*\w+\.py)`", TEXT)))


@pytest.mark.parametrize("name", FILES)
def test_each_file_named_in_contributing_exists(name):
    folders = [ROOT, ROOT / "dl_magics"] if "/" in name else [ROOT]
    found = [path for folder in folders for path in _find(folder, name)]

    assert found, f"CONTRIBUTING.md names {name}, which does not exist"


def test_the_picture_shows_every_package():
    picture = TEXT.split("## The house")[1].split("## ")[0]
    packages = {path.parent.name for path in (ROOT / "dl_magics").glob("*/__init__.py")}

    assert {name for name in packages if not re.search(rf"\b{name}\b", picture)} == set()


def test_the_glossary_has_at_most_40_lines():
    glossary = TEXT.split("## Glossary")[1].strip().splitlines()

    assert len(glossary) <= 40


def test_every_walk_has_five_steps():
    walks = TEXT.split("## Three walks")[1].split("## ")[0].split("**`")[1:]

    assert [len(re.findall(r"^\d\. ", walk, re.MULTILINE)) for walk in walks] == [5, 5, 5]


def test_the_changelog_names_every_group_of_errors():
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")

    assert all(f"`{kind.__name__}`" in changelog for kind in errors.DLMagicsError.__subclasses__())


def test_make_floors_names_tests_that_exist():
    command = ["make", "--dry-run", "floors"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    named = re.findall(r"\btests/[\w/.]+", done.stdout)

    assert named
    assert [name for name in named if not (ROOT / name).exists()] == []


def _find(folder: Path, name: str) -> list[Path]:
    if "/" in name:
        return [folder / name] if (folder / name).is_file() else []
    return list((folder / "dl_magics").rglob(name)) + list((folder / "tests").rglob(name))
