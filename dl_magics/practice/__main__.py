"""`python -m dl_magics.practice` and `dl-magics practice`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from pathlib import Path

from dl_magics.core.duration import parse_option
from dl_magics.errors import DLMagicsError
from dl_magics.practice.process import address, find, stop
from dl_magics.practice.profile import profile
from dl_magics.store import paths


def main(argv: Sequence[str] | None = None) -> int:
    """Run the practice cloud in the foreground, or end the one that runs."""
    options = _parser().parse_args(argv)
    folder = (options.folder or paths.data_folder("practice")).absolute()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        if options.stop:
            stop(folder)
        elif find(folder):
            _say(f"A practice cloud already runs in {folder}: {address(folder)}")
            return 1
        else:
            delay = parse_option("--delay", options.delay, unit="s", zero=True) or 0
            boot = parse_option("--boot", options.boot, unit="s", zero=True) or 0
            _serve(folder, delay, boot, tied=options.tied)
    except DLMagicsError as error:
        _say("\n".join(error._render_traceback_()))
        return 1
    return 0


def _serve(folder: Path, delay: float, boot: float, *, tied: bool) -> None:
    # moto takes a second to import; who only stops need not wait for it. What it knows of all the
    # types of all regions stays to the end: to look through it for what is garbage takes as long.
    gc.disable()
    from dl_magics.practice.server import serve

    gc.freeze()
    gc.enable()
    made = profile(folder)
    variables = "\n".join(f"  {name}={value}" for name, value in made.environment.items())
    _say(f"The practice cloud: {made.endpoint_url}, its state in {folder}.\nTo use it:")
    _say(f"{variables}\n  ssh -F {made.ssh_config} ADDRESS\nCtrl-C ends it.")
    serve(folder, delay, boot, tied=tied)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dl-magics practice", description="An EC2 API and SSH hosts on your own computer."
    )
    parser.add_argument("--folder", type=Path, help="where its state lies")
    parser.add_argument("--delay", default=2, help="seconds between two states, or 2m")
    parser.add_argument("--boot", default=1, help="seconds until SSH answers, or 2m")
    parser.add_argument("--tied", action="store_true", help="end when the standard input ends")
    parser.add_argument("--stop", action="store_true", help="end the one that runs")
    return parser


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
