"""`dl-magics mcp`: answer over standard input and output until the client closes them."""

from __future__ import annotations

import importlib.util
import sys

from dl_magics.errors import NotInstalled


def run_server() -> int:
    """Serve one client and return the exit status."""
    if importlib.util.find_spec("mcp") is None:
        missing = NotInstalled(
            "The package mcp is not installed.", fix="pip install 'dl-magics[mcp]'"
        )
        print(f"NotInstalled: {missing}\n  {missing.fix}", file=sys.stderr)
        return 1
    from dl_magics.mcp import server

    server.make_server().run("stdio")
    return 0


if __name__ == "__main__":
    sys.exit(run_server())
