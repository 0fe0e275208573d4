"""Windows and macOS by construction: what can be checked on Linux is.

What runs on an instance, in the interpreter with Theano or in the practice cloud is left out: these
need a Unix.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "dl_magics"
UNIX_ONLY = ("gpu_kernel/agent/", "guard/service/", "practice/", "training/theano/")
# What these name exists on Unix alone; each stands behind a question for the platform.
UNIX_NAMES = {
    "fork",
    "forkpty",
    "getuid",
    "geteuid",
    "getgid",
    "killpg",
    "setsid",
    "mkfifo",
    "chown",
    "fchmod",
    "set_blocking",
    "SIGKILL",
    "SIGHUP",
    "SIGALRM",
    "SIGUSR1",
    "setitimer",
    "AF_UNIX",
    "O_NOFOLLOW",
    "O_CLOEXEC",
    "O_DIRECTORY",
    "dir_fd",
}
# A folder is opened by descriptor only where the system can do so.
GUARDS = ("sys.platform", "os.name", "hasattr(", "getattr(", "self._root is None")
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# Windows takes none of these in the name of a file.
NOT_IN_NAMES = set('<>:"|?*\\')

IMPORT_AS_ON_WINDOWS = """
import importlib, os, pathlib, signal, socket, sys, types
import boto3, asyncssh, IPython, ipywidgets, anywidget, jupyter_server.serverapp, jupyter_client
import jupyter_events, filelock, psutil, simplejpeg, PIL.Image, matplotlib.figure, jsonschema, yaml
import nbformat, ipykernel.kernelapp, zmq, tornado.web, subprocess, asyncio, multiprocessing
import tempfile, shutil, getpass, webbrowser, mcp.server.mcpserver, matplotlib.backends.backend_agg
import mcp.server.stdio
for name in [each for each in sys.modules if each.split(".")[0] == "dl_magics"]:
    raise SystemExit(f"{name} is imported too early")
for name in ("fcntl", "pwd", "grp", "termios", "resource", "pty", "tty", "syslog"):
    sys.modules[name] = None
for holder, names in ((os, %(os)s), (signal, %(signal)s), (socket, ("AF_UNIX",))):
    for name in names:
        if hasattr(holder, name):
            delattr(holder, name)
locking = dict(locking=None, LK_NBLCK=2, LK_LOCK=1, LK_UNLCK=0)
sys.modules["msvcrt"] = types.SimpleNamespace(**locking)
sys.platform = "win32"
for name in sys.argv[1:]:
    importlib.import_module(name)
print(len(sys.argv) - 1)
"""


def list_files():
    for path in sorted(PACKAGE.rglob("*.py")):
        if not path.relative_to(PACKAGE).as_posix().startswith(UNIX_ONLY):
            yield path


def name_modules():
    for path in list_files():
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if parts[-1] != "__main__":
            yield ".".join(each for each in parts if each != "__init__")


def test_each_module_of_the_laptop_can_be_imported_as_on_windows():
    names = {"os": UNIX_NAMES & set(dir(__import__("os"))), "signal": {"SIGKILL", "SIGHUP"}}
    script = IMPORT_AS_ON_WINDOWS % {key: sorted(each) for key, each in names.items()}
    modules = list(name_modules())

    done = subprocess.run(
        [sys.executable, "-c", script, *modules], capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) == len(modules) > 200


def test_what_only_a_unix_has_stands_behind_a_question_for_the_platform():
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.attr}"
        for path in list_files()
        for node, is_guarded in walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in UNIX_NAMES and not is_guarded
    ]

    assert found == []


def walk(tree, is_guarded=False):
    """Yield each node, and whether an `if` around it or in its function asks for the platform."""
    for node in ast.iter_child_nodes(tree):
        scope = node.body if isinstance(node, FUNCTIONS) else [node]
        asks = any(
            isinstance(each, (ast.If, ast.IfExp))
            and any(guard in ast.unparse(each.test) for guard in GUARDS)
            for each in scope
        )
        yield node, is_guarded
        yield from walk(node, is_guarded or asks)


def test_no_file_that_we_name_has_a_name_that_windows_refuses():
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {text!r}"
        for path in list_files()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)
        for text in read_texts(node.right)
        if NOT_IN_NAMES & set(text) or text.endswith((".", " "))
    ]

    assert found == []


def read_texts(node):
    """Yield the parts of a text that are written in the source."""
    for each in [node, *getattr(node, "values", [])]:
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value
