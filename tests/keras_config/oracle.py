"""Let a real Keras read keras.json repeatedly, each time as in a new process. Python 3.8.

Each line on stdin is {"variables": {name: value}}; each reply is a JSON line with the settings
that Keras' own code reports, or the error at which `import keras` fails.
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


def read_settings() -> dict:
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
    request = json.loads(line)
    for name, value in request["variables"].items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
    try:
        reply = read_settings()
    except Exception as error:
        reply = {"error": f"{type(error).__name__}: {error}"}
    OUT.write(json.dumps(reply) + "\n")
    OUT.flush()
