from __future__ import annotations

import contextlib
import io
import shutil

import numpy as np
import pytest
from IPython.core.completer import CompletionContext
from PIL import Image

from dl_magics import errors
from dl_magics.magics.complete import complete_results
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from support import run_events, tiny_keras
from support.backbones import small_model
from support.limits.disk import mount_small_disk

LINES = ["%confusion", "%most_confused", "%top_losses 2"]


def test_confusion_shows_the_matrix_of_the_newest_run(magic, evaluated):
    shown = magic("%confusion")

    assert shown.evaluation.split == "valid"
    assert sum(map(sum, shown.rows)) == 12
    assert repr(shown).startswith("run · valid: ")
    assert magic("%confusion --run run --split test").evaluation.split == "test"


def test_most_confused_takes_the_least_number_of_images(magic, evaluated):
    shown = magic("%most_confused --split train")
    assert all(count >= 1 for *_, count in shown.pairs)
    assert magic("%most_confused 100").pairs == []


def test_top_losses_shows_images_and_where_the_model_looked(magic, evaluated):
    shown = magic("%top_losses 3 --split test")

    assert len(shown) == 3
    losses = [each.loss for each in shown]
    assert losses == sorted(losses, reverse=True)
    assert shown._repr_html_().count("<img") == 6


def test_predict_needs_no_labels_and_writes_csv(magic, evaluated, tmp_path, capsys):
    (tmp_path / "mixed").mkdir()
    for name in ("blue", "red"):
        shutil.copy(evaluated / f"photos/test/{name}/30.png", tmp_path / f"mixed/{name}-1.png")

    predictions = magic("%predict mixed --csv out.csv")

    assert {each.path.name for each in predictions} == {"blue-1.png", "red-1.png"}
    assert "Wrote 2 predictions to out.csv." in capsys.readouterr().out
    assert (tmp_path / "out.csv").read_text("utf-8").startswith("path,class,probability,p(blue)")
    with pytest.raises(errors.BadSetting, match=r"out\.csv exists"):
        magic("%predict mixed --csv out.csv")
    magic("%predict mixed/red-1.png --csv out.csv --force")
    assert "Wrote 1 prediction" in capsys.readouterr().out


def test_predictions_that_cannot_be_written_are_returned(magic, evaluated, tmp_path, capsys):
    with mount_small_disk(tmp_path / "disk", size="64k") as disk:
        disk.fill()
        predictions = magic(f"%predict {evaluated}/photos/test/red --csv disk/out.csv")
        said = capsys.readouterr().out
        left = [file.name for file in disk.folder.iterdir()]
        disk.make_read_only()
        with pytest.raises(errors.BadSetting) as refused:
            magic(f"%predict {evaluated}/photos/test/red --csv disk/out.csv")
    read_only = str(refused.value)

    assert len(predictions) > 1
    assert "disk/out.csv was not written: No space left on device." in said
    assert "They are the result of this cell: predictions.all.to_csv(FILE)" in said
    assert left == ["filler"]
    assert read_only == "disk/out.csv was not written: Read-only file system."
    assert refused.value.fix == "Name a file in another folder."


@pytest.mark.parametrize("line", [*LINES, "%predict photos"])
def test_without_a_run_it_says_how_to_make_one(magic, line):
    with pytest.raises(errors.NoSuchRun, match="There are no runs yet") as caught:
        magic(line)
    assert "%%finetune" in caught.value.fix


@pytest.mark.parametrize("line", [*LINES, "%predict photos"])
def test_a_run_that_is_not_finished_is_named(magic, home, line):
    run_events.write_log(home / "runs/unfinished", run_events.make_events(run_events.epoch(1)))

    with pytest.raises(errors.NotTrained, match="No run has a model yet; the newest, unfinished"):
        magic(line)
    with pytest.raises(errors.NotTrained, match="The run unfinished has no model") as caught:
        magic(f"{line} --run unf")
    assert caught.value.fix == "Resume it: %finetune --resume unfinished"


@pytest.mark.parametrize("line", LINES)
def test_images_that_are_gone_are_asked_for(magic, evaluated, line):
    with pytest.raises(errors.BadData, match=r"are not in gone any more\.") as caught:
        magic(f"{line} --data gone")
    assert "--data FOLDER" in caught.value.fix


def test_wrong_arguments_are_refused(magic, evaluated):
    with pytest.raises(errors.BadSetting, match="invalid choice: 'all'"):
        magic("%confusion --split all")
    for count in (0, 61):
        with pytest.raises(errors.BadSetting, match=f"shows 1 to 60 images, not {count}") as caught:
            magic(f"%top_losses {count} --split test")
    assert caught.value.fix.startswith("All of them: ")
    for line in caught.value.fix.removeprefix("All of them: ").split(" · then "):
        listed = magic(line)
    assert len(listed) == 8


@pytest.fixture
def divided(magic, home):
    """A run that kept every third image for validation; some are turned or transparent."""
    data = small_model.save_beside(tiny_keras.photos(home / "photos", 9))
    for n, path in enumerate(sorted(data.rglob("*.png"))):
        with Image.open(path) as photo:
            photo.putalpha(Image.linear_gradient("L").resize(photo.size))
            exif = Image.Exif()
            exif[0x0112] = 1 + n % 8
            photo.save(path, exif=exif)
    (home / "runs/run").mkdir(parents=True)
    paths = RunPaths(home / "runs/run", home / "features", home / "weights")
    recipe = tiny_keras.recipe(data, epochs=2, learning_rate=0.01, valid=0.34, sample=5)
    list(recorder.record_new_run(recipe, paths))
    return data


def run_explained(magic, line):
    """Run what a line explains; return its names, and what it printed."""
    names: dict = {}
    code = compile(magic(f"{line} --explain"), line, "exec")
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(code, names)
    return names, printed.getvalue()


@pytest.mark.parametrize("split", ["valid", "train"])
def test_explain_evaluates_the_images_that_the_run_took_of_a_folder(magic, divided, split):
    wanted = magic(f"%confusion --split {split}").evaluation
    for line in (*LINES, "%bias_report"):
        names, _ = run_explained(magic, f"{line} --split {split}")

        given = {
            str(file): tuple(row)
            for file, row in zip(names["files"], names["probabilities"].tolist(), strict=True)
        }
        assert given.keys() == {f"{divided}/{each.path}" for each in wanted.photos}
        for each in wanted.photos:
            assert given[f"{divided}/{each.path}"] == pytest.approx(each.probabilities, abs=0.005)
        if "matrix" in names:
            assert names["matrix"].tolist() == [list(row) for row in wanted.confusion]


def test_explain_finds_the_same_images_where_the_folder_is_now(magic, divided, home):
    moved = divided.rename(home / "moved")

    names, _ = run_explained(magic, f"%confusion --data '{moved}'")

    assert len(names["files"]) == 4
    assert all(str(file).startswith(str(moved)) for file in names["files"])


def test_explain_predicts_what_predict_does(magic, divided, tmp_path):
    big = np.random.default_rng(0).normal(120, 90, (1200, 1600, 3)).clip(0, 255).astype(np.uint8)
    Image.fromarray(big).save(tmp_path / "big.png")

    for path in (divided, tmp_path / "big.png"):
        _, printed = run_explained(magic, f"%predict '{path}'")

        shown = {file: rest for file, *rest in map(str.split, filter(None, printed.splitlines()))}
        made = magic(f"%predict '{path}'")
        assert shown.keys() == {str(each.path) for each in made}
        for each in made:
            _, probability = shown[str(each.path)]
            assert float(probability) == pytest.approx(each.probability, abs=0.005)


def test_a_network_without_a_last_map_is_explained_by_occlusion(magic, divided):
    names, _ = run_explained(magic, "%top_losses 1")

    assert names["cam"].shape == (7, 7)
    assert 0 <= names["cam"].min() <= names["cam"].max() <= 1


def test_explain_is_keras_code_that_gives_the_same_numbers(magic, evaluated):
    wanted = magic("%confusion").evaluation
    for line in LINES:
        names, printed = run_explained(magic, line)
        assert names["classes"] == ["blue", "red"]
        right = (names["labels"] == names["predicted"]).sum()
        assert right == wanted.right
        if "cam" in names:
            assert names["cam"].shape == (8, 8)
            assert printed.count(".png ") == 2


@pytest.mark.parametrize("name", ["confusion", "most_confused", "top_losses", "predict"])
def test_the_help_has_two_examples(magic, name):
    text = magic.shell.find_line_magic(name).__doc__
    assert text.count(f"\n    %{name}") >= 2 or text.count(f"%{name}") >= 3


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("%confusion --ru", "--run"),
        ("%confusion --run ", "run"),
        ("%top_losses 3 --split te", "test"),
        ("found = %predict photos --cs", "--csv"),
    ],
)
def test_options_runs_and_parts_are_completed(evaluated, line, found):
    token = line.split(" ")[-1]
    context = CompletionContext(
        token=token, full_text=line, cursor_position=len(line), cursor_line=0, limit=None
    )
    assert found in [each.text for each in complete_results(context)["completions"]]
