"""A run whose disk becomes full while it goes on ends in two lines and leaves no half file."""

from __future__ import annotations

import pytest

from dl_magics.errors import DiskFull
from dl_magics.runs import checkpoint_request, log
from dl_magics.runs.events import CheckpointSaved, PhaseStarted
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import checkpoint
from dl_magics.training.run import Run
from support import tiny_keras
from support.limits.disk import mount_small_disk


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=6)


@pytest.mark.parametrize(
    ("moment", "files"),
    [
        (lambda event: isinstance(event, PhaseStarted) and event.phase == "features", set()),
        (lambda event: isinstance(event, PhaseStarted) and event.phase == "evaluate", set()),
        (
            lambda event: isinstance(event, CheckpointSaved) and event.path == "model.keras",
            {"model.keras"},
        ),
    ],
    ids=["before the features", "before the model", "before the report"],
)
def test_a_run_on_a_disk_that_becomes_full_says_so_and_leaves_no_half_file(
    data, tmp_path, moment, files
):
    with mount_small_disk(tmp_path / "disk", "64m") as disk:
        paths = RunPaths(*(disk.folder / name for name in ("run", "features", "weights")))
        for each in (paths.run, paths.features, paths.weights):
            each.mkdir()

        def train():
            for event in recorder.record_new_run(tiny_keras.recipe(data), paths):
                if moment(event):
                    # Its removal at the end would free some space.
                    (paths.run / "checkpoint.npz").unlink(missing_ok=True)
                    disk.fill()

        with pytest.raises(DiskFull, match="was not written") as full:
            train()

        assert "%features" in full.value.fix
        left = {each.name for each in paths.run.iterdir()}
        assert left - {"messages.log"} == {"recipe.json", log.FILE_NAME} | files
        assert next(iter(log.read_events(paths.run))).n == 1
        assert [*disk.folder.rglob(".*")] == []


def test_a_checkpoint_of_the_head_that_does_not_fit_leaves_the_one_before(data, tmp_path):
    with mount_small_disk(tmp_path / "disk", "64m") as disk:
        paths = RunPaths(*(disk.folder / name for name in ("run", "features", "weights")))
        for each in (paths.run, paths.features, paths.weights):
            each.mkdir()
        # Large enough that its checkpoint does not fit, where the log still does.
        recipe = tiny_keras.recipe(data, dense=[512])

        def train():
            for event in recorder.record_new_run(recipe, paths):
                if event.kind == "phase_started" and event.phase == "head":
                    (paths.run / checkpoint_request.FILE_NAME).write_text("{}")
                    disk.fill(left=100_000)

        with pytest.raises(DiskFull, match="run was not written: No space left") as full:
            train()

        assert "%features" in full.value.fix
        left = {each.name for each in paths.run.iterdir()}
        # The report, which is small, still fitted.
        names = {"recipe.json", log.FILE_NAME, checkpoint.FILE_NAME, "report.html"}
        assert left - {"messages.log"} == names
        assert [*disk.folder.rglob(".*")] == []
        assert checkpoint.load_checkpoint(paths.run).standing.batches == 0
        (disk.folder / "filler").unlink()
        assert Run(paths.run).status == "failed"
