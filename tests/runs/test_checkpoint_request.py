from __future__ import annotations

from dl_magics.runs import checkpoint_request


def test_a_request_is_taken_once(tmp_path):
    (tmp_path / checkpoint_request.FILE_NAME).touch()

    taken = [checkpoint_request.take_request(tmp_path) for _ in range(2)]

    assert taken == [True, False]
    assert list(tmp_path.iterdir()) == []
