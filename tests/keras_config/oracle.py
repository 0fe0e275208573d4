"""Ask a real Keras again and again: it reads keras.json as in a fresh process. Python 3.8 too.

Each line on stdin is {"text": …, "folder": …, "variable": …}; each answer is what Keras' own code,
which is run anew, says: the settings, or the error at which `import keras` stops.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from pathlib import Path

OUT = sys.stdout
sys.stdout = sys.stderr
PACKAGE = Path(importlib.util.find_spec("keras").origin).parent
SOURCES = {
    "1": (PACKAGE / "backend" / "__init__.py", "# import backend\n", "keras.backend"),
    "2": (PACKAGE / "backend" / "load_backend.py", "# Import backend functions.", "keras.backend"),
    "3": (PACKAGE / "src" / "backend" / "config.py", "", "keras.src.backend"),
}
path, end, package = SOURCES[sys.argv[1]]
source = path.read_text("utf-8")
CODE = compile(source[: source.index(end)] if end else source, str(path), "exec")


def settings() -> dict:
    common = sys.modules.get("keras.backend.common")
    if common:
        importlib.reload(common)
    names = {"__name__": package, "__package__": package}
    exec(CODE, names)
    ordering = names.get("image_dim_ordering") or names["image_data_format"]
    return {
        "backend": names["_BACKEND"],
        "image_data_format": ordering(),
        "floatx": names["floatx"](),
        "epsilon": names["epsilon"](),
    }


import keras  # noqa: E402, F401

for line in sys.stdin:
    asked = json.loads(line)
    for name, value in asked["variables"].items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        told = settings()
    except Exception as error:
        told = {"error": f"{type(error).__name__}: {error}"}
    OUT.write(json.dumps(told) + "\n")
    OUT.flush()
