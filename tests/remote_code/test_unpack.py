from __future__ import annotations

import subprocess
import sys
import zipfile

import pytest

from dl_magics.remote_code import bundle, unpack

IMPORT = (
    "import sys; sys.path.insert(0, sys.argv[1]); import dl_magics_unpack; "
    "dl_magics_unpack.import_from(sys.argv[1]); import dl_magics.errors; "
    "print(dl_magics.errors.__file__)"
)


@pytest.fixture
def packed(tmp_path):
    return bundle.write_bundle(tmp_path)


def start(packed):
    command = [sys.executable, "-I", "-c", IMPORT, str(packed)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_processes_that_use_a_bundle_at_once_import_all_of_it_from_one_folder(packed):
    started = [start(packed) for _ in range(3)]

    errors = packed.with_suffix("") / "dl_magics" / "errors.py"
    assert [each.communicate()[0].strip() for each in started] == [str(errors)] * 3
    assert sorted(packed.parent.iterdir()) == [packed.with_suffix(""), packed]
    files = (each for each in packed.with_suffix("").rglob("*") if each.suffix in (".py", ".css"))
    names = {each.relative_to(packed.with_suffix("")).as_posix() for each in files}
    assert names == {
        name for name in zipfile.ZipFile(packed).namelist() if not name.endswith(".csv")
    }
    # The next process need not compile it.
    assert list((errors.parent / "__pycache__").glob("errors.*.pyc"))


def test_a_bundle_is_imported_as_it_is_where_it_cannot_be_unpacked(packed):
    packed.with_suffix("").write_text("in the way")

    assert unpack.unpack(str(packed)) == str(packed)
    assert start(packed).communicate()[0].startswith(str(packed))
    assert len(list(packed.parent.iterdir())) == 2


def test_a_path_that_was_there_is_kept_behind_it(packed, monkeypatch):
    monkeypatch.setattr(sys, "path", ["", str(packed), "/packages"])

    for _ in range(2):
        unpack.import_from(str(packed))

    assert sys.path == [str(packed.with_suffix("")), "", "/packages"]
