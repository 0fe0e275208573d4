from __future__ import annotations

import os
import stat

import pytest

from dl_magics import errors
from dl_magics.ssh import blocking, sftp


def download(host, path, to, **options):
    blocking.wait_for(sftp.download_file(host.login, path, to, **options))


def test_a_file_comes_home_and_is_removed_there(host, tmp_path):
    content = os.urandom(20 * 2**20)
    (host.home / "values.zip").write_bytes(content)

    download(host, "values.zip", tmp_path / "new" / "values.zip", remove=True)

    assert (tmp_path / "new" / "values.zip").read_bytes() == content
    assert not (host.home / "values.zip").exists()


def test_an_uploaded_file_is_private(host, tmp_path):
    (tmp_path / "a").write_text("a")

    there = blocking.wait_for(sftp.upload_once(host.login, tmp_path / "a", "folder"))

    facts = (host.home / "folder" / "a").stat()
    assert there.endswith("/folder/a")
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert stat.S_IMODE((host.home / "folder").stat().st_mode) == 0o700


def test_a_file_takes_the_place_of_another(host, tmp_path):
    for text in ("before", "after"):
        (tmp_path / "a").write_text(text)
        blocking.wait_for(sftp.replace_file(host.login, tmp_path / "a", "folder"))

    assert [each.read_text() for each in (host.home / "folder").iterdir()] == ["after"]


def test_a_file_without_end_is_an_error_and_leaves_nothing(host, tmp_path):
    (host.home / "model.keras").symlink_to("/dev/zero")
    model = tmp_path / "run" / "model.keras"
    model.parent.mkdir()
    model.write_text("before")

    with pytest.raises(errors.CommandFailed, match="more than 10,000,000 bytes") as error:
        download(host, "model.keras", model, max_bytes=10_000_000)

    assert "%aws_ssh ls" in error.value.fix
    assert model.read_text() == "before"
    assert list(model.parent.iterdir()) == [model]


def test_a_link_on_the_host_comes_as_its_content(host, tmp_path):
    (host.home / "file").write_text("content")
    (host.home / "link").symlink_to("file")

    download(host, "link", tmp_path / "here")

    assert not (tmp_path / "here").is_symlink()
    assert (tmp_path / "here").read_text() == "content"


def test_a_local_link_is_replaced_and_not_followed(host, tmp_path):
    (host.home / "file").write_text("content")
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "here").symlink_to(tmp_path / "precious")

    download(host, "file", tmp_path / "here")

    assert not (tmp_path / "here").is_symlink()
    assert (tmp_path / "precious").read_text() == "precious"
