from __future__ import annotations

import inspect
from pathlib import Path

from dl_magics.magics.finetune import FinetuneMagics
from dl_magics.training.recipe import settings_table
from dl_magics.training.recipe.settings import SETTINGS

README = Path(__file__).parents[3] / "README.md"


def test_the_readme_shows_the_table_of_settings():
    assert f"\n{settings_table.to_markdown()}\n" in README.read_text("utf-8")


def test_the_help_of_finetune_shows_the_table_of_settings():
    help_text = inspect.getdoc(FinetuneMagics.finetune)

    assert inspect.cleandoc(help_text).endswith(
        "\n".join(f"    {line}" for line in settings_table.to_text().splitlines())
    )


def test_every_setting_has_one_row():
    rows = settings_table.to_markdown().splitlines()[2:]

    assert [row.split("`")[1] for row in rows] == list(SETTINGS)
