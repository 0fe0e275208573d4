"""The guard as one file, and the command that installs and starts it at each boot."""

from __future__ import annotations

import ast
import base64
import bz2
import json
from dataclasses import asdict
from functools import cache
from pathlib import Path

from dl_magics.guard.service.settings import Settings
from dl_magics.remote_code import bundle

COMMAND = f"{__package__}"
"""What `python -m` runs to print the command of `boot_command` as JSON."""

FOLDER = "/opt/dl-magics-guard"
UNITS = "/etc/systemd/system"
FILE = f"{FOLDER}/guard.pyz"
_SERVICE = Path(__file__).with_name("service")
_MAIN = b"from service.__main__ import run_command\nrun_command()\n"
_BOOT = """\
import base64, bz2, os, sys
code, folder = sys.argv[1:3]
os.makedirs(folder, 0o755, exist_ok=True)
file = folder + "/guard.pyz"
if not os.path.exists(file):
    with open(file + ".new", "wb") as new:
        new.write(bz2.decompress(base64.b85decode(code)))
    os.chmod(file + ".new", 0o644)
    os.rename(file + ".new", file)
os.execv(sys.executable, [sys.executable, "-I", file, "boot", *sys.argv[2:]])
"""


@cache
def pack_guard() -> bytes:
    """Return the content of the file, which Python runs: the same bytes for the same guard."""
    sources = sorted(_SERVICE.glob("*.py"))
    contents = {f"service/{path.name}": _strip_words(path.read_text("utf-8")) for path in sources}
    return bundle.build_zip({**contents, "__main__.py": _MAIN})


@cache
def _encode_guard() -> str:
    return base64.b85encode(bz2.compress(pack_guard())).decode()


def boot_command(settings: Settings) -> list[str]:
    """Return the command that an instance runs at each boot, before SSH answers.

    It installs the guard where it is missing, with these settings, and starts it.
    """
    return [
        "python3",
        "-I",
        "-c",
        _BOOT,
        _encode_guard(),
        FOLDER,
        UNITS,
        json.dumps(asdict(settings)),
    ]


def _strip_words(source: str) -> bytes:
    """Return a module without docstrings and comments: user data has at most 16 KiB."""
    lines, dropped = source.splitlines(), set[int]()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            continue
        if ast.get_docstring(node):
            docstring = node.body[0]
            lines[docstring.lineno - 1] = " " * docstring.col_offset + '""'
            dropped.update(range(docstring.lineno, docstring.end_lineno or 0))
    kept = (line for n, line in enumerate(lines) if n not in dropped)
    return "".join(
        f"{line}\n" for line in kept if line.strip() and not line.lstrip().startswith("#")
    ).encode()
