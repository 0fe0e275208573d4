"""What the exported scripts have in common: their files, their variables, their first lines."""

from __future__ import annotations

from dl_magics.actions.aws.explain.shell import Variable
from dl_magics.actions.aws.launch.explain import LaunchFiles

SETTINGS, ID_FILE, KNOWN_HOSTS, GUARD = "settings.sh", "instance-id", "known_hosts", "guard.json"
ID, LOGIN = Variable("$ID"), Variable("$LOGIN@$IP")
SSH = ["./ssh.sh", LOGIN]
FIND_ADDRESS = "IP=$(./address.sh)"
FILES = LaunchFiles(Variable("$KEY"), KNOWN_HOSTS, f"cat {GUARD}", "gzip -nc")

_ASK = """\
if [ "${{1-}}" != -y ]; then
  printf '%s [y/N] ' {question}
  read -r answer
  [ "$answer" = y ] || exit 1
fi"""


def make_script(about: str, *lines: str, ahead: str = "") -> str:
    """Return a script that works in its own folder and knows the settings.

    `ahead` is a line that runs in the folder where the script was called.
    """
    first = [
        "#!/bin/sh",
        f"# {about}",
        "# shellcheck disable=SC2016  # A $ in single quotes is a $.",
        "set -eu",
        *([ahead] if ahead else []),
        'cd -- "$(dirname -- "$0")"',
        f"# shellcheck source={SETTINGS}",
        f". ./{SETTINGS}",
    ]
    return "\n".join([*first, *lines, ""])


def ask_step(question: str) -> str:
    """Return the step that asks a question, which is quoted, unless -y answers it."""
    return _ASK.format(question=question)
