"""Call a function of dl_magics in another interpreter, as `remote_code.runner` does on a host."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dl_magics.remote_code import bundle, request, runner

_MARK = "mark"


def call(
    python: str | Path,
    function: Callable[..., Any],
    *,
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    **arguments: Any,
) -> dict[str, Any]:
    """Return the result of the function in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        archive = bundle.write_bundle(Path(folder))
        done = subprocess.run(
            [str(python), "-c", runner.build_program(str(archive), _MARK)],
            input=request.build_request(function, arguments),
            capture_output=True,
            text=True,
            check=True,
            cwd=cwd,
            env=env or dict(os.environ),
        )
    result = request.read_response(done.stdout, _MARK)
    assert result is not None, done.stderr
    return result
