"""The command line: `dl-magics practice`, `run`, `mcp` and `kernel`."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status; an unknown one prints the usage."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["practice"]:
        from dl_magics.practice.__main__ import main as run_practice

        return run_practice(words[1:])
    if words[:1] == ["kernel"]:
        from dl_magics.actions.gpu.kernel_main import main as run_kernel

        return run_kernel(words[1:])
    if words[:1] == ["mcp"]:
        from dl_magics.mcp.__main__ import run_server

        return run_server(words[1:])
    if words[:1] == ["run"]:
        from dl_magics.magics.command_line.run import run_recipe_file

        return run_recipe_file(words[1:])
    print("usage: dl-magics practice [--delay SECONDS] [--boot SECONDS] [--stop]")
    print("       dl-magics run RECIPE.py DATA [--on HOST] [--launch TYPE] [--then stop]")
    print("       dl-magics mcp")
    print(
        "Runs the practice cloud, a %%finetune cell, or what an assistant asks for costs and runs."
    )
    print("All else is a magic: %load_ext dl_magics")
    return 0 if not words or words[0] in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
