"""`dl-magics practice`: what can be done from a terminal."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command that is named; return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["practice"]:
        from dl_magics.practice.__main__ import main as practice

        return practice(words[1:])
    if words[:1] == ["kernel"]:
        from dl_magics.actions.gpu.kernel_main import main as kernel

        return kernel(words[1:])
    print("dl-magics practice [--delay SECONDS] [--boot SECONDS] [--stop]")
    print("runs the practice cloud; everything else is done in a notebook: %load_ext dl_magics")
    return 0 if not words or words[0] in ("-h", "--help") else 2


if __name__ == "__main__":
    sys.exit(main())
