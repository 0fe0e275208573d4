"""Prints the commands that user data runs at each boot: `python -m dl_magics.guard SETTINGS`."""

from __future__ import annotations

import json
import sys

from dl_magics.guard import program
from dl_magics.guard.service.settings import Settings


def print_commands() -> None:
    """Print the commands as JSON, for a guard with the settings of the command line."""
    settings = Settings.from_values(json.loads(sys.argv[1]))
    print(json.dumps([program.boot_command(settings)]))


if __name__ == "__main__":
    print_commands()
