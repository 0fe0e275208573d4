from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from dl_magics.core.serialization import value_file
from dl_magics.errors import BadValue


def test_names_keep_their_values(tmp_path):
    value_file.write_values(tmp_path / "values", {"x": 1, "y": [2]})

    assert value_file.read_values(tmp_path / "values", ["y", "x"], {}) == {"y": [2], "x": 1}


def test_plain_values_import_neither_numpy_nor_pandas(tmp_path):
    write = (
        "import sys, pathlib; from dl_magics.core.serialization import value_file;"
        "value_file.write_values(pathlib.Path(sys.argv[1]), {'x': [1, 'a', 2j]});"
        "assert not {'numpy', 'pandas', 'tensorflow', 'torch', 'jax'} & {*sys.modules}"
    )

    subprocess.run([sys.executable, "-c", write, str(tmp_path / "x")], check=True)

    assert value_file.read_values(tmp_path / "x", ["x"], {}) == {"x": [1, "a", 2j]}


def test_a_namespace_is_saved_and_loaded_and_the_file_is_deleted(tmp_path):
    file = tmp_path / "values" / "x.zip"
    value_file.save_from_namespace({"x": np.arange(3), "y": 2}, ["x"], str(file))
    namespace = {"x": 0, "z": 1}

    value_file.load_into_namespace(namespace, str(file), ["x"])

    assert namespace["x"].tolist() == [0, 1, 2]
    assert set(namespace) == {"x", "z"}
    assert not file.exists()


def test_a_name_that_is_not_defined_is_refused(tmp_path):
    with pytest.raises(BadValue, match="y is not defined"):
        value_file.save_from_namespace({"x": 1}, ["x", "y"], str(tmp_path / "values"))
