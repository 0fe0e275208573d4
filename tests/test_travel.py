from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import dl_magics

PACKAGE = Path(dl_magics.__file__).parent
TRAVELS = ("__init__.py", "errors.py", "events.py", "version.py", "data", "training")

CHECK = """
import sys
sys.path.insert(0, sys.argv[1])
import dl_magics.training.fit, dl_magics.training.report, dl_magics.training.explain
from dl_magics.training import zoo
assert zoo.__file__.startswith(sys.argv[1]), zoo.__file__
assert len(zoo.MODELS) == 40
heavy = {"keras", "tensorflow", "jax", "torch", "matplotlib", "IPython", "boto3"}
late = heavy & sys.modules.keys()
assert not late, late
ours = {name for name in sys.modules if name.startswith("dl_magics.")}
print(*sorted({name.split(".")[1] for name in ours}))
"""


def test_what_travels_to_an_instance_is_a_zip_that_needs_nothing_else_of_ours(tmp_path):
    travelling = tmp_path / "dl_magics.zip"
    with zipfile.ZipFile(travelling, "w") as archive:
        for name in TRAVELS:
            path = PACKAGE / name
            for file in [path] if path.is_file() else path.rglob("*.[cp]*"):
                if "__pycache__" not in file.parts:
                    archive.write(file, file.relative_to(PACKAGE.parent))

    done = subprocess.run(
        [sys.executable, "-c", CHECK, str(travelling)],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["data", "errors", "events", "training", "version"]
