from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.runs.report import examples

JPEG = base64.b64encode(b"\xff\xd8\xff a picture").decode()


def test_pictures_are_kept_by_path(tmp_path):
    examples.write_pictures(tmp_path, {"cats/1.jpg": JPEG})

    assert examples.read_pictures(tmp_path) == {"cats/1.jpg": JPEG}


@pytest.mark.parametrize(
    "sent",
    [
        "",
        None,
        7,
        ["x"],
        '" onerror="alert(1)',
        f'{JPEG}" onerror="alert(1)',
        base64.b64encode(b"<svg onload='alert(1)'>").decode(),
        base64.b64encode(b"\xff\xd8\xff" + bytes(65 * 1024)).decode(),
    ],
)
def test_what_is_no_small_jpeg_is_left_out(sent):
    assert examples.check_pictures({"a": sent, "b": JPEG}) == {"b": JPEG}


@given(st.binary(max_size=200) | st.sampled_from([b"[]", b"[" * 100_000, b'{"a": {"b": 1}}', b"1"]))
def test_any_file_is_read_without_an_error(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("run")
    (folder / "evaluation").mkdir()
    (folder / examples.FILE_NAME).write_bytes(content)

    assert isinstance(examples.read_pictures(folder), dict)
