"""How a profile logs in to AWS: the code of its MFA device, and what renews a login."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dl_magics.aws.profile import AwsProfile
from dl_magics.errors import NoCredentials
from dl_magics.store import notebook_session

# Where the aws command keeps the sessions of roles: a code that was typed there counts here.
_CACHE = Path("~/.aws/cli/cache")
_SOURCES = 5


def open_botocore(profile: AwsProfile) -> Any:
    """Return the botocore session of a profile; a role with MFA asks for the code when needed."""
    from botocore.utils import JSONFileCache

    session = _make_session(profile)
    if "role_arn" in session.get_scoped_config():
        roles = session.get_component("credential_provider").get_provider("assume-role")
        roles.cache = JSONFileCache(str(_CACHE.expanduser()))
        # botocore keeps the getpass of its import, which does not read from a notebook.
        vars(roles)["_prompter"] = _make_prompter(profile)
    return session


def how_to_log_in(profile: AwsProfile) -> str:
    """Return what renews the login of a profile, by its sections of the AWS configuration."""
    section = _read_section(profile)
    name = shlex.quote(profile.name)
    sso = f"In a terminal: aws sso login --profile {name}"
    if {"sso_session", "sso_start_url"} & section.keys():
        fix = sso
    elif "login_session" in section:
        fix = f"In a terminal: aws login --profile {name}"
    elif "credential_process" in section:
        fix = "Renew the login of the credential_process of its section in ~/.aws/config"
    elif "mfa_serial" in section:
        return "Run the cell again: it asks for a new MFA code."
    elif "aws_session_token" in section or os.environ.get("AWS_SESSION_TOKEN"):
        fix = "Replace its temporary access keys and session token in ~/.aws/credentials or in the "
        fix += "environment"
    else:
        fix = f"{sso} or aws login --profile {name}, or replace its keys: aws configure"
    return f"{fix} · then run the cell again."


def _make_session(profile: AwsProfile) -> Any:
    import botocore.session

    session = botocore.session.Session()
    for variable in ("profile", "config_file", "credentials_file"):
        if value := getattr(profile, variable):
            session.set_config_variable(variable, value)
    return session


def _make_prompter(profile: AwsProfile) -> Callable[[str], str]:
    def ask_code(prompt: str) -> str:
        import getpass

        try:
            if not notebook_session.can_ask():
                raise EOFError
            return getpass.getpass(prompt)
        except (EOFError, OSError, RuntimeError) as error:
            # RuntimeError: ipykernel's StdinNotImplementedError and NotImplementedError.
            name = shlex.quote(profile.name)
            raise NoCredentials(
                f"The role of profile '{profile.name}' requires an MFA code, but input is not "
                "available.",
                fix=f"In a terminal: aws sts get-caller-identity --profile {name} asks for it and "
                "keeps the session for an hour · then run the cell again.",
            ) from error

    return ask_code


def _read_section(profile: AwsProfile) -> Mapping[str, str]:
    """Return the section of a profile, with those of the profiles whose keys it uses."""
    from botocore.exceptions import BotoCoreError

    found: dict[str, str] = {}
    name: str | None = profile.name
    try:
        profiles = _make_session(profile).full_config["profiles"]
    except BotoCoreError:
        return found
    for _ in range(_SOURCES):
        section = profiles.get(name, {})
        found = {**section, **found}
        name = section.get("source_profile")
    return found
