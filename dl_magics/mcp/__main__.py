"""`dl-magics mcp`: answer over standard input and output until the client closes them."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from collections.abc import Sequence

from dl_magics.errors import NotInstalled

_ABOUT = """\
Answer an assistant over standard input and output, by the Model Context Protocol, until it closes
them: its settings name this command. It reads instances, costs and runs, and changes nothing."""


def run_server(words: Sequence[str]) -> int:
    """Serve one client and return the exit status."""
    argparse.ArgumentParser(prog="dl-magics mcp", description=_ABOUT).parse_args(words)
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
    sys.exit(run_server(sys.argv[1:]))
