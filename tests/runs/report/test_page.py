from __future__ import annotations

import base64
import re

from dl_magics.runs import evaluation
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.runs.events import DataChecked, RunEnded
from dl_magics.runs.report import examples
from dl_magics.runs.report.page import write_report
from dl_magics.runs.state import replay_events
from dl_magics.runs.tag import write_tag
from support import run_events

JPEG = base64.b64encode(b"\xff\xd8\xff a picture").decode()
DONE = RunEnded(status="done", seconds={"head": 1.0})
SCRIPT = "<script>alert(1)</script>"


def test_the_report_shows_metrics_images_recipe_and_versions(tmp_path):
    state = replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))

    path = write_report(tmp_path, state)

    page = path.read_text("utf-8")
    assert path == tmp_path / "report.html"
    assert "val_accuracy 0.800" in page
    assert "<tr><td>dogs</td><td>8</td><td>2</td></tr>" in page
    assert rows(page)["model"] == "VGG16"
    assert rows(page)["keras"] == "3.15.1"
    assert "CPU (x86_64, 2 cores)" in page


def test_a_run_without_a_keras_model_has_no_lines_that_load_it(tmp_path):
    state = replay_events(run_events.make_events(run_events.epoch(1), ended=DONE))

    assert "load_model" not in write_report(tmp_path, state).read_text("utf-8")


def test_the_report_of_a_run_that_did_not_start_has_recipe_host_and_reason(tmp_path):
    ended = RunEnded(
        status="failed",
        seconds={"start": 3.0},
        error="The GPU is too old.",
        recipe={"model": "VGG16", "data": "photos/dogscats"},
        host={"name": "gpu", "type": "p2.xlarge"},
    )

    page = write_report(tmp_path, replay_events(run_events.stamp([ended]))).read_text()

    assert "VGG16 on dogscats · did not start on gpu (p2.xlarge)" in page
    assert "The GPU is too old." in page
    assert "<p>gpu (p2.xlarge)</p>" in page
    assert rows(page)["model"] == "VGG16"
    assert "3.0 s" not in page


def test_the_report_loads_no_other_file(tmp_path):
    write_evaluation(tmp_path)

    page = write_report(tmp_path, replay_events(story())).read_text("utf-8")

    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert not re.search(r"<(script|link|iframe|object)|@import|url\(|\bon\w+=", page)
    assert len(sources(page)) == 2
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources(page))


def test_the_report_has_curves_that_a_screen_reader_reads(tmp_path):
    page = write_report(tmp_path, replay_events(story())).read_text("utf-8")

    assert re.findall(r'aria-label="([^"]*)"', page) == [
        "loss of training and validation by epoch; val_loss is 0.5000 in the best epoch, 1",
        "accuracy of training and validation by epoch; val_accuracy is 0.8000 in the best epoch, 1",
    ]


def test_the_report_has_matrix_classes_with_intervals_and_the_most_confident_errors(tmp_path):
    write_evaluation(tmp_path)

    page = write_report(tmp_path, replay_events(story())).read_text("utf-8")

    # Wilson 1927: 18 of 20, and 9 and 9 of 10.
    assert "18 of 20 right: <b>90.0 %</b>, 95 % interval 69.9 to 97.2 %" in page
    assert "<td>90.0 %</td><td>59.6 to 98.2 %</td>" in page
    matrix = re.search(r'class="matrix".*?</table>', page, re.DOTALL)[0]
    assert re.findall(r">(\d+)</td>", matrix) == ["9", "1", "1", "9"]
    assert re.findall(r"<figcaption><b>(\w+)</b> ([\d.]+) %<br>labelled (\w+)", page) == [
        ("dogs", "99.0", "cats"),
        ("cats", "80.0", "dogs"),
    ]
    assert "run.report()" not in page


def test_without_an_evaluation_the_report_says_how_to_get_it(tmp_path):
    ended = RunEnded(status="done", files={"model.keras": "0" * 64})
    (tmp_path / "evaluation").mkdir()
    (tmp_path / "evaluation" / "valid.json").write_text("{")  # a killed process, or a hostile host

    page = write_report(tmp_path, replay_events(story(ended))).read_text("utf-8")

    assert "run.report() adds what the model says of the validation images." in page


def test_many_classes_have_their_most_confused_pairs_in_place_of_a_matrix(tmp_path):
    names = [f"class {n}" for n in range(17)]
    write_evaluation(tmp_path, names)

    page = write_report(tmp_path, replay_events(story())).read_text("utf-8")

    assert 'class="matrix"' not in page
    assert "<td>class 0</td><td>class 1</td><td>1</td>" in page


def test_the_report_names_the_images_by_their_digests_and_the_tag(tmp_path):
    checked = DataChecked(images=20, digests={"train": "a" * 64, "valid": "b" * 64})
    write_tag(tmp_path, f"five heads {SCRIPT}")

    page = write_report(
        tmp_path, replay_events(run_events.make_events(checked, ended=DONE))
    ).read_text("utf-8")

    assert f"valid sha256 <code>{'b' * 64}</code>" in page
    assert "five heads &lt;script&gt;" in page


def test_a_resumed_run_is_reported_as_such(tmp_path):
    state = replay_events(
        run_events.make_events(run_events.epoch(1), run_events.resumed(at=2, epoch=2), ended=DONE)
    )

    page = write_report(tmp_path, state).read_text("utf-8")

    assert "<td>★ 1</td>" in page
    assert "Interrupted and resumed after epoch 1." in page


def test_names_are_escaped_in_the_report(tmp_path):
    checked = DataChecked(images=1, skipped=[{"path": f"{SCRIPT}.png", "reason": SCRIPT}])
    state = replay_events(
        run_events.make_events(
            checked,
            ended=DONE,
            classes=[SCRIPT, "b"],
            data=SCRIPT,
            head=f"head {SCRIPT}",
            augment_function=f"augment {SCRIPT}",
        )
    )
    write_evaluation(tmp_path, [SCRIPT, "b"])

    page = write_report(tmp_path, state).read_text("utf-8")

    assert "<script" not in page
    assert page.count("<pre>head &lt;script&gt;") == page.count("<pre>augment &lt;script&gt;") == 1


def test_the_report_of_a_run_without_epochs_has_no_curves(tmp_path):
    ended = RunEnded(status="failed", error="It rained.", fix="Take an umbrella.")

    page = write_report(tmp_path, replay_events(run_events.make_events(ended=ended))).read_text(
        "utf-8"
    )

    assert sources(page) == []
    assert "It rained.<br>Take an umbrella." in page


def test_a_report_is_replaced_atomically(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    write_report(folder, replay_events(run_events.make_events(run_events.epoch(1), ended=DONE)))

    write_report(folder, replay_events(run_events.make_events(data="photos/others", ended=DONE)))

    assert [each.name for each in folder.iterdir()] == ["report.html"]
    assert "others" in (folder / "report.html").read_text("utf-8")


def sources(page):
    return re.findall(r'src="([^"]*)"', page)


def rows(page):
    return dict(re.findall(r'<th scope="row">([^<]*)</th><td><code>([^<]*)</code>', page))


def story(ended=DONE):
    return run_events.make_events(run_events.epoch(1), ended=ended)


def write_evaluation(folder, classes=("cats", "dogs")):
    """Ten images of each class; one of the first and one of the second are taken for the other."""
    first, second = classes[:2]
    rest = (0.0,) * (len(classes) - 2)
    rows = [(first, (0.01, 0.99)), (second, (0.8, 0.2))]
    rows += [(first, (0.9, 0.1))] * 9 + [(second, (0.1, 0.9))] * 9
    photos = tuple(
        PhotoPrediction(f"{truth}/{n}.jpg", truth, (*shares, *rest), tuple(classes))
        for n, (truth, shares) in enumerate(rows)
    )
    found = Evaluation("run", "valid", "/", tuple(classes), photos, "0" * 64, "0" * 64)
    evaluation.write_evaluation(folder, found)
    examples.write_pictures(folder, {each.path: JPEG for each in photos})
