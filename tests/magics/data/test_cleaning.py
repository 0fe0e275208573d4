from __future__ import annotations

import pytest

from dl_magics.errors import BadSetting, NotTrained
from support import run_events, tiny_keras


def test_a_folder_and_a_run_are_not_named_together(run):
    with pytest.raises(BadSetting, match="a folder or --run, not both") as refused:
        run("%clean_images pets --run dogs")

    assert refused.value.fix == "%clean_images --run dogs"


def test_the_steps_are_explained(run):
    assert "mv -n pets/cats/1.jpg" in str(run("%clean_images pets --explain"))


def test_a_run_without_a_model_is_named(run, home):
    run_events.write_log(home / "runs" / "2026-11-03_dogs", run_events.make_events())

    with pytest.raises(NotTrained, match="2026-11-03_dogs has no model"):
        run("%clean_images --run dogs")


def test_a_folder_whose_images_no_run_has_seen_says_what_computes_their_features(run, tmp_path):
    tiny_keras.photos(tmp_path / "pets", n=3)

    assert "%%finetune PATH computes them" in repr(run("%clean_images pets"))
