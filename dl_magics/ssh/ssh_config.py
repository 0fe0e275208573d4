"""The user's own ssh_config, as asyncssh reads it: includes, wildcards and Match count."""

from __future__ import annotations

import getpass
import uuid
from pathlib import Path


def is_configured(name: str) -> bool:
    """Return whether `~/.ssh/config` sets any option for the host `name` but not for every host.

    A file that cannot be read or parsed configures nothing.
    """
    try:
        return _options(name) != _options(f"host-{uuid.uuid4().hex}")
    except (OSError, ValueError):
        return False


def _options(host: str) -> dict[str, object]:
    from asyncssh.config import ConfigParseError, SSHClientConfig

    file = Path.home() / ".ssh" / "config"
    if not file.is_file():
        return {}
    local_user = getpass.getuser()
    try:
        config = SSHClientConfig.load(None, file, False, False, False, local_user, (), host, ())
    except ConfigParseError as error:
        raise ValueError(str(error)) from error
    options = config.get_options(reload=False)
    # Tokens such as %h differ for each host.
    return {key: value for key, value in options.items() if host not in str(value)}
