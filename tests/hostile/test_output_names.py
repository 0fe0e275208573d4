"""An instance answers `%%gpu -o z` with other names, or with a file that is made to do harm."""

from __future__ import annotations

import io
import json
import pickle
import zipfile

import numpy as np
import pytest

from dl_magics.core.serialization import node_table, value_file
from dl_magics.errors import BadValue


class Touch:
    """A pickle of it creates a file when it is loaded."""

    def __init__(self, path):
        self._path = path

    def __reduce__(self):
        return (open, (str(self._path), "w"))


@pytest.fixture
def answer(tmp_path):
    """Read what an instance answers for `z`: its table, and members of its zip."""

    def one(rows, names=None, compress=zipfile.ZIP_STORED, **members):
        with zipfile.ZipFile(tmp_path / "answer", "w", compress) as file:
            table = {"rows": rows, "names": {"z": [len(rows) - 1]} if names is None else names}
            file.writestr("values.json", json.dumps(table))
            for name, data in members.items():
                file.writestr(name, data)
        return value_file.read_values(tmp_path / "answer", ["z"], {})

    return one


def npy(shape, data=b"", descr="<f8"):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}}}".ljust(117)
    return b"\x93NUMPY\x01\x00" + bytes([118, 0]) + header.encode() + b"\n" + data


@pytest.mark.parametrize(
    "names",
    [
        {"z": 1, "get_ipython": "gone"},
        {"z": 1, "cleanup": "rm -rf ~", "open": 1},
        {"get_ipython": 1},
        {"Z": 1},
        {},
    ],
)
def test_only_the_names_that_were_asked_for_are_accepted(answer, names):
    with pytest.raises(BadValue, match=r"Asked for z, but .* nothing was assigned") as refused:
        answer([], names)

    assert "%gpu_restart" in refused.value.fix


ARRAY = ["numpy.ndarray", None, [{"member": "a"}]]
DEEP = [["builtins.tuple", None, [[n]] if n >= 0 else []] for n in range(-1, 20_000)]


@pytest.mark.parametrize(
    ("rows", "members"),
    [
        ([ARRAY], {"a": npy((10**15,))}),
        ([ARRAY], {"a": npy((2**62, 2**62))}),
        ([ARRAY], {"a": npy((-1,))}),
        ([ARRAY], {"a": npy((1,), descr="|O")}),
        ([ARRAY], {"a": npy((1,), descr="(" * 50)}),
        ([ARRAY], {"a": b"\x93NUMPY\x01\x00\xff\xff" + b"[" * 65_535}),
        ([ARRAY], {"a": b"PK\x03\x04"}),
        ([ARRAY], {"a": b""}),
        ([ARRAY], {}),
        ([["numpy.ndarray", {"shape": [10**12]}, [1]]], {}),
        ([["numpy.ndarray", {"shape": [-1, -1]}, [1]]], {}),
        ([["numpy.ndarray", {"extension": "__loader__"}, [{"member": "a"}]]], {"a": npy((0,))}),
        ([["builtins.list", None, [{"member": "a"}]]], {"a": b"x"}),
        ([["builtins.list", None, [[0]]]], {}),
        ([["builtins.list", None, [[-1]]]], {}),
        ([["builtins.list", None, [[5]]]], {}),
        ([["builtins.list", None, [[0, 0]]]], {}),
        ([["builtins.eval", None, ["1"]]], {}),
        ([["__main__.Own", None, []]], {}),
        ([["builtins.dict", None, [[0], 1]]], {}),
        ([["builtins.list", None, []], ["builtins.dict", None, [[0], 1]]], {}),
        ([["builtins.int", "x", []]], {}),
        ([["collections.defaultdict", "exec", []]], {}),
        ([["namedtuple", ["Point", ["x\nimport os"]], [1]]], {}),
        ([["namedtuple", ["Point", ["x"]], [1, 2]]], {}),
        ([["zoneinfo.ZoneInfo", "../../../etc/passwd", []]], {}),
        ([["zoneinfo.ZoneInfo", "/etc/passwd", []]], {}),
        ([["pandas.Series", True, [1, 2, 3, 4]]], {}),
        ([["pandas.RangeIndex", None, ["x", None]]], {}),
        (DEEP, {}),
        ("rows", {}),
        ([5], {}),
        ([[]], {}),
    ],
    ids=lambda value: repr(value)[:60],
)
def test_a_file_that_is_made_to_do_harm_is_refused_in_two_lines(answer, rows, members):
    with pytest.raises(BadValue, match=r"^What arrived for z is damaged: ") as refused:
        answer(rows, **members)

    assert len(str(refused.value)) < 300
    assert "\n" not in str(refused.value)
    assert "%gpu_restart" in refused.value.fix


def test_a_pickle_is_not_loaded(answer, tmp_path):
    touched = tmp_path / "touched"
    objects = io.BytesIO()
    np.save(objects, np.array([Touch(touched)], object), allow_pickle=True)

    for member in (objects.getvalue(), pickle.dumps(Touch(touched))):
        with pytest.raises(BadValue, match="is damaged"):
            answer([ARRAY], a=member)

    assert not touched.exists()


def test_a_small_file_that_expands_to_a_large_one_is_refused(answer):
    with pytest.raises(BadValue, match="is damaged: ValueError: a compressed member"):
        answer([ARRAY], compress=zipfile.ZIP_DEFLATED, a=bytes(50 * 2**20))


@pytest.mark.parametrize("content", [b"", b"PK", b"x" * 1000, b"PK\x05\x06" + bytes(18)])
def test_what_is_no_zip_is_refused(tmp_path, content):
    (tmp_path / "answer").write_bytes(content)

    with pytest.raises(BadValue, match="is damaged"):
        value_file.read_values(tmp_path / "answer", ["z"], {})


def test_json_that_is_nested_without_end_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "answer", "w") as file:
        file.writestr("values.json", "[" * 10**6)

    with pytest.raises(BadValue, match="is damaged"):
        value_file.read_values(tmp_path / "answer", ["z"], {})


def test_as_deep_as_is_allowed_is_read(answer):
    nested = answer(DEEP[: node_table.MAX_DEPTH])["z"]

    assert len(nested) == 1
