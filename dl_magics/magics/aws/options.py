"""The arguments that several magics for AWS have."""

from __future__ import annotations

from dl_magics.magics.arguments import argument

NAME = argument("name", nargs="?", help="name, id, type or GPU; default: the selected instance")
FULL_NAME = argument("name", nargs="?", help="full name or id; default: the selected instance")
ALLOW_FROM = argument(
    "--allow-from", nargs="+", help="address ranges that may use SSH, or me (the default)"
)
UNTIL = argument("--until", help="stop it at this time of day in any case: 23:00, or off")
MAX_DURATION = argument(
    "--max-duration", help="stop it so long after each start in any case: 8h, or off"
)
YES = argument("-y", "--yes", action="store_true", help="answer yes to the confirmation")
EXPLAIN = argument("--explain", action="store_true", help="show the commands that would be run")
