"""The wheel and the sdist are complete, and pip takes away all that it installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from dl_magics import __version__

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "build/packaging/bin"
PANEL = "share/jupyter/labextensions/dl-magics"
pytestmark = pytest.mark.skipif(
    not TOOLS.exists() or not (ROOT / "build/labextension/package.json").exists(),
    reason="the tools for packages are not installed, or the panel is not built",
)


def run(*words):
    # The panel is built before, by npm: here only files are packed.
    done = subprocess.run(
        list(map(str, words)),
        cwd=ROOT,
        env={**os.environ, "HATCH_BUILD_NO_HOOKS": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder of the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    run(TOOLS / "python", "-m", "build", "--no-isolation", "--sdist", "--wheel", "-o", folder)
    return folder


@pytest.fixture(scope="module")
def wheel(built):
    return built / f"dl_magics-{__version__}-py3-none-any.whl"


def list_files(folder):
    return {path for path in folder.rglob("*") if path.is_file() and path.suffix != ".pyc"}


def test_twine_and_check_wheel_contents_find_nothing(built, wheel):
    run(TOOLS / "python", "-m", "twine", "check", "--strict", *built.iterdir())
    # W002: the file that enables the extension is in the package, and once more for etc/.
    run(TOOLS / "check-wheel-contents", "--ignore", "W002", wheel)


def test_the_wheel_has_each_file_of_the_package_and_the_sdist_the_built_panel(built, wheel):
    tracked = run("git", "ls-files", "dl_magics").split()
    packed = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(built / f"dl_magics-{__version__}.tar.gz") as archive:
        source = archive.getnames()

    assert [name for name in tracked if name not in packed] == []
    assert any(name.endswith(f"/data/{PANEL}/package.json") for name in packed)
    assert f"dl_magics-{__version__}/build/labextension/package.json" in source


def test_pip_uninstall_leaves_nothing_of_what_pip_installed(wheel, tmp_path):
    venv.create(tmp_path / "venv", symlinks=True)
    before = list_files(tmp_path / "venv")
    pip = (sys.executable, "-m", "pip", "--python", tmp_path / "venv/bin/python")

    run(*pip, "install", "--quiet", "--no-index", "--no-deps", "--no-compile", wheel)
    installed = list_files(tmp_path / "venv") - before
    run(*pip, "uninstall", "--quiet", "--yes", "dl-magics")

    names = {str(path.relative_to(tmp_path / "venv")) for path in installed}
    assert f"{PANEL}/package.json" in names
    assert "etc/jupyter/jupyter_server_config.d/dl_magics.json" in names
    assert "bin/dl-magics" in names
    assert list_files(tmp_path / "venv") == before
    assert not (tmp_path / "venv" / PANEL).exists()
