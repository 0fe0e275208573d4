from __future__ import annotations

import json

from dl_magics.training.prediction.requests import open_run, predict_run


def test_predictions_of_a_request_are_those_of_the_run_with_pictures_of_what_is_shown(
    evaluated_room, tmp_path
):
    photos = evaluated_room / "photos/test"
    (tmp_path / "broken.png").write_bytes(b"")
    done = []

    sent = json.loads(
        json.dumps(
            predict_run(
                str(evaluated_room / "runs/run"),
                [str(photos), str(tmp_path)],
                progress=lambda *numbers: done.append(numbers),
            )
        )
    )

    found = open_run(str(evaluated_room / "runs/run")).predict(photos)
    assert sent["images"] == [
        [str(each.path), [round(value, 7) for value in each.probabilities.values()]]
        for each in found
    ]
    assert list(sent["skipped"]) == [str(tmp_path / "broken.png")]
    assert sent["pictures"].keys() == {str(each.path) for each in found}
    assert done[0] == (0, len(found) + 1)
