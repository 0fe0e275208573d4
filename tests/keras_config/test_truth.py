"""The settings shown are those that the real Keras reports: 1.2.2, 2.3.1 and the installed one."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dl_magics.keras_config import rpc
from support import other_python
from support.old_keras import environment, theano_python

ORACLE = Path(__file__).with_name("oracle.py")
NURSERY = Path(__file__).with_name("nursery.py")
ROOT = Path(__file__).parents[2]
OLD_WORDS = {"th": "channels_first", "tf": "channels_last"}
FORMATS, FLOATS = ("channels_first", "channels_last"), ("float16", "float32", "float64")


class Oracle:
    """A real Keras that reads keras.json on request; `python` is its interpreter."""

    def __init__(self, python: Path, major: int, home: Path) -> None:
        self.python, self.major, self.home = python, major, home
        self.process = subprocess.Popen(
            [str(python), str(ORACLE), str(major)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(
                HOME=str(home / "first"), KERAS_BACKEND="jax" if major == 3 else "theano"
            ),
        )
        (home / "first").mkdir()
        self.shown = self._shown()

    def _shown(self) -> dict:
        env = environment(HOME=str(self.home / "first"))
        return other_python.call(self.python, rpc.show_settings, env=env)["installed"]

    def read_settings(self, variables: dict) -> dict:
        self.process.stdin.write(json.dumps({"variables": variables}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module", params=[1, 2, 3])
def oracle(request, tmp_path_factory):
    python = Path(sys.executable) if request.param == 3 else theano_python(request.param)
    asked = Oracle(python, request.param, tmp_path_factory.mktemp("oracle"))
    yield asked
    asked.process.stdin.close()
    asked.process.wait(30)


def show_settings(oracle, variables):
    """Return what dl_magics shows for that interpreter, with these variables."""
    from dl_magics.keras_config import effective, installed, keras_json

    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.delenv(name, raising=False)
            if value is not None:
                patch.setenv(name, value)
        found = installed.parse_installed(oracle.shown)
        file = keras_json.find_path(found.major)
        return effective.resolve_settings(found, file, keras_json.read_file(file)), found


ODD = st.none() | st.booleans() | st.integers(-3, 3) | st.just([]) | st.text(max_size=3)
VALUES = {
    "backend": st.sampled_from(["tensorflow", "theano", "jax", "torch", "tf", ""]) | ODD,
    "image_data_format": st.sampled_from([*FORMATS, "th"]) | ODD,
    "image_dim_ordering": st.sampled_from(["th", "tf", "channels_last"]) | ODD,
    "floatx": st.sampled_from([*FLOATS, "bfloat16"]) | ODD,
    "epsilon": st.sampled_from([1e-7, 0.5, 1, "1e-7"]) | ODD,
}
FILES = st.fixed_dictionaries({}, optional=VALUES).map(json.dumps) | st.sampled_from(
    ["", "{", "[]", '"x"', '\ufeff{"floatx": "float64"}', "[" * 100_000, '{"a": 1}}', "null"]
)
SEED = '{"backend": "theano", "image_dim_ordering": "th"}'


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.none() | FILES, st.none() | st.sampled_from(["", "jax", "theano", "tensorflow", "x"]))
@example(SEED, None)
@example(None, None)
@example('{"epsilon": 1}', None)
def test_the_settings_shown_are_those_of_a_new_process(oracle, tmp_path_factory, text, variable):
    home = tmp_path_factory.mktemp("home")
    folder = home / ".keras"
    folder.mkdir()
    if text is not None:
        (folder / "keras.json").write_text(text, encoding="utf-8")
    variables = {"HOME": str(home), "KERAS_HOME": None, "KERAS_BACKEND": variable}

    shown, found = show_settings(oracle, variables)
    reported = oracle.read_settings(variables)

    if "error" in reported:
        assert shown.refusal
        return
    values = {each.name: each.value for each in shown.values}
    reported["image_data_format"] = OLD_WORDS.get(
        reported["image_data_format"], reported["image_data_format"]
    )
    assert values == reported
    is_usable = reported["backend"] in found.known and reported["backend"] in found.versions
    assert bool(shown.refusal) is not is_usable


class Nursery:
    """Imports Keras in a new process for each home folder; the backend is imported once."""

    def __init__(self, python: Path, backend: str, home: Path) -> None:
        (home / ".keras").mkdir()
        (home / ".keras" / "keras.json").write_text(json.dumps({"backend": backend}))
        self.process = subprocess.Popen(
            [str(python), "-W", "ignore", str(NURSERY), backend, str(home), str(ROOT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment(TF_CPP_MIN_LOG_LEVEL="3"),
        )

    def write_settings(self, home: Path, settings: dict) -> tuple[dict, dict]:
        """Return what dl_magics shows after it wrote the settings, and what Keras reports."""
        self.process.stdin.write(json.dumps([str(home), settings]) + "\n")
        self.process.stdin.flush()
        shown, (backend, ordering, floatx, epsilon) = json.loads(self.process.stdout.readline())
        return shown, {
            "backend": backend,
            "image_data_format": OLD_WORDS.get(ordering, ordering),
            "floatx": floatx,
            "epsilon": epsilon,
        }

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)


@pytest.fixture(scope="module")
def nursery(request, tmp_path_factory):
    """A Nursery for (major version of an old Keras or None for the installed one, backend)."""
    old, backend = request.param
    if not old and not find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    python = theano_python(old) if old else Path(sys.executable)
    made = Nursery(python, backend, tmp_path_factory.mktemp("nursery"))
    made.backend, made.home = backend, tmp_path_factory.mktemp("written")
    made.write_settings(made.home, {"backend": backend})
    yield made
    made.close()


@pytest.mark.backends
@pytest.mark.parametrize(
    "nursery",
    [(1, "theano"), (2, "theano"), (None, "tensorflow"), (None, "jax"), (None, "torch")],
    indirect=True,
    ids=["Keras 1", "Keras 2", "tensorflow", "jax", "torch"],
)
@pytest.mark.parametrize(("ordering", "floatx"), list(itertools.product(FORMATS, FLOATS)))
def test_written_settings_are_reported_by_a_new_keras_and_shown(nursery, ordering, floatx):
    asked = {"image_data_format": ordering, "floatx": floatx, "epsilon": 1e-5}

    shown, reported = nursery.write_settings(nursery.home, asked)

    assert reported == {"backend": nursery.backend, **asked}
    assert reported == {each["name"]: each["value"] for each in shown["values"]}
    assert not shown["refusal"]


def test_settings_are_shown_and_written_without_importing_keras(file):
    program = (
        "import sys\nfrom dl_magics.keras_config import rpc\n"
        "rpc.show_settings()\n"
        "rpc.write_settings({'backend': 'tensorflow'})\n"
        "rpc.undo_settings()\n"
        "assert not {'keras', 'tensorflow', 'numpy', 'IPython'} & sys.modules.keys()"
    )

    subprocess.run([sys.executable, "-c", program], check=True)
