"""The login user and the private key file that the user named for an instance, by its id."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from dl_magics.errors import DamagedFile
from dl_magics.store import lock, paths

FILE_NAME = "logins.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """A login; "" leaves the user to the image, and the key to the instance's key pair."""

    user: str = ""
    identity: str = ""


def find_login(id_: str) -> Login:
    """Return the login that was named for an instance."""
    return _read_logins().get(id_, Login())


def remember_login(id_: str, login: Login) -> None:
    """Store the login of an instance; an empty one removes it."""
    with lock.hold("logins"):
        others = {name: each for name, each in _read_logins().items() if name != id_}
        kept = {**others, id_: login} if login != Login() else others
        text = json.dumps({name: asdict(each) for name, each in kept.items()}, indent=2)
        paths.replace_file(paths.data_folder() / FILE_NAME, text)


def forget_login(id_: str) -> None:
    """Remove the login of an instance that no longer exists."""
    if find_login(id_) != Login():
        remember_login(id_, Login())


def _read_logins() -> dict[str, Login]:
    path = paths.data_folder() / FILE_NAME
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {name: Login(**each) for name, each in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise DamagedFile(
            f"{path} cannot be read: {error}.",
            fix="Delete it, then name the login again: %aws_get NAME --user USER --identity KEY",
        ) from error
