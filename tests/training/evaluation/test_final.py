from __future__ import annotations

import numpy as np

from dl_magics.runs import evaluation
from dl_magics.runs.report import examples
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.evaluation import final
from dl_magics.training.phases import find_images
from support import tiny_keras


class Network:
    """Gives each image the same probabilities, as logits."""

    def __init__(self, *row):
        self.row = row

    def predict_on_batch(self, values):
        return np.log(np.array([self.row] * len(values), np.float32))


def scanned(evaluated_room):
    recipe = tiny_keras.recipe(evaluated_room / "photos")
    return scan_folder(find_images(recipe), recipe)


def test_a_run_ends_with_the_evaluation_that_its_saved_model_would_give(run):
    kept = evaluation.read_evaluation(run.path, "valid")
    (run.path / "evaluation" / "valid.json").unlink()
    computed = run.evaluate("valid")

    assert kept.accuracy == computed.accuracy
    for name in ("run", "root", "classes", "data_digest", "model_sha256", "note"):
        assert getattr(kept, name) == getattr(computed, name), name
    for one, other in zip(kept.photos, computed.photos, strict=True):
        assert (one.path, one.truth) == (other.path, other.truth)
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-5)


def test_the_errors_come_with_pictures(evaluated_room, tmp_path):
    images = scanned(evaluated_room)

    final.write_final(tmp_path, images, Network(0.9, 0.1), np.zeros((12, 1)), model_sha256="0" * 64)

    found = evaluation.read_evaluation(tmp_path, "valid")
    assert found.accuracy == 0.5
    pictures = examples.read_pictures(tmp_path)
    assert set(pictures) == {f"valid/red/{n}.png" for n in range(20, 26)}


def test_a_model_that_gives_no_numbers_has_no_evaluation(evaluated_room, tmp_path):
    nan = float("nan")

    final.write_final(
        tmp_path, scanned(evaluated_room), Network(nan, nan), np.zeros((12, 1)), model_sha256=""
    )

    assert list(tmp_path.iterdir()) == []
