"""The command line: `python -m dl_magics.practice` and `dl-magics practice`."""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Sequence
from math import inf
from pathlib import Path

from dl_magics.aws.api_models import share_models
from dl_magics.core.duration import parse_option
from dl_magics.errors import DLMagicsError
from dl_magics.practice.process import api_url, find_cloud, stop_cloud
from dl_magics.practice.profile import ensure_profile
from dl_magics.store import paths, private


def main(argv: Sequence[str] | None = None) -> int:
    """Run the practice cloud in the foreground, or stop the running one; return the exit status."""
    options = _parser().parse_args(argv)
    try:
        folder = private.ensure_folder((options.folder or paths.data_folder("practice")).absolute())
        if options.stop:
            stop_cloud(folder)
        elif find_cloud(folder):
            _print(f"A practice cloud is already running in {folder}: {api_url(folder)}")
            return 1
        else:
            delay = parse_option("--delay", options.delay, unit="s", zero=True) or 0
            boot = parse_option("--boot", options.boot, unit="s", zero=True) or 0
            unused = parse_option("--unused", options.unused, unit="m", off=True) or inf
            minute = parse_option("--minute", options.minute, unit="s") or 60.0
            alarms = parse_option("--alarm-minute", options.alarm_minute, unit="s") or 60.0
            _serve(folder, delay, boot, (minute, alarms), tied=options.tied, unused=unused)
    except DLMagicsError as error:
        _print("\n".join(error._render_traceback_()))
        return 1
    return 0


def _serve(
    folder: Path,
    delay: float,
    boot: float,
    minutes: tuple[float, float],
    *,
    tied: bool,
    unused: float,
) -> None:
    # Importing moto takes a second, so --stop does not import it. It makes three sessions of boto3,
    # which would each parse the model of EC2. Its tables of instance types live as long as the
    # process: freezing them spares the garbage collector a second at each full pass.
    gc.disable()
    share_models()
    from dl_magics.practice.server import serve_cloud

    gc.freeze()
    gc.enable()
    made = ensure_profile(folder)
    variables = "\n".join(f"  {name}={value}" for name, value in made.environment.items())
    _print(f"Practice cloud at {made.endpoint_url}, state in {folder}.\nTo use it:")
    _print(f"{variables}\n  ssh -F {made.ssh_config} ADDRESS\nCtrl-C stops it.")
    minute, alarm_minute = minutes
    serve_cloud(
        folder, delay, boot, minute=minute, alarm_minute=alarm_minute, tied=tied, unused=unused
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "dl-magics practice", description="Run an EC2 API and SSH hosts on this computer."
    )
    parser.add_argument("--folder", type=Path, help="the folder of its state")
    parser.add_argument("--delay", default=2, help="seconds in a transient state, or 2m")
    parser.add_argument("--boot", default=1, help="seconds until SSH answers, or 2m")
    parser.add_argument("--minute", default=60, help="seconds of a minute of shutdown on a host")
    parser.add_argument("--alarm-minute", default=60, help="seconds of a minute of CloudWatch")
    parser.add_argument("--unused", default="off", help="stop after so long without a user: 10m")
    parser.add_argument("--tied", action="store_true", help="stop when standard input closes")
    parser.add_argument("--stop", action="store_true", help="stop the running practice cloud")
    return parser


def _print(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
