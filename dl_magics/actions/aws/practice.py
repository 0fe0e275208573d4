"""Switch the practice cloud on and off: an additional AWS profile with its ssh_config file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from dl_magics import practice
from dl_magics.actions.aws import context, selection
from dl_magics.aws.profile import AwsProfile
from dl_magics.errors import BadData, BadSetting, NotInstalled, WrongState
from dl_magics.practice.s3.buckets import is_bucket_name
from dl_magics.store import paths
from dl_magics.store.state import ProfileSettings, State

_FOLDER = "practice"
ADDRESS = "data:,198.51.100.7"
"""A data URL with the address: the practice cloud needs no service on the internet."""


@dataclass(frozen=True, slots=True)
class SwitchedOn:
    """The profile and region of the practice cloud.

    `foreign_port` is the port of an earlier practice cloud at which another program answers now.
    """

    profile_and_region: str
    foreign_port: int | None


def start_cloud() -> tuple[ProfileSettings, int | None]:
    """Start the practice cloud if needed; return its profile and the port that it no longer has."""
    if not find_spec("moto"):
        raise NotInstalled(
            "The practice cloud needs moto, which is not installed.",
            fix='%pip install "dl-magics[practice]"',
        )
    folder = paths.data_folder(_FOLDER)
    foreign_port = None
    if not practice.find_cloud(folder):
        foreign_port = practice.find_foreign_port(folder)
        practice.start_cloud(folder)
    files = practice.ensure_profile(folder)
    settings = ProfileSettings(
        profile=files.name,
        region=files.region,
        config_file=str(files.config_file),
        credentials_file=str(files.credentials_file),
        ssh_config=str(files.ssh_config),
        address_url=ADDRESS,
    )
    return settings, foreign_port


def switch_on() -> SwitchedOn:
    """Start the practice cloud if needed and select it."""
    settings, foreign_port = start_cloud()

    def select(remembered: State) -> State:
        if is_practice(remembered.profile):
            return replace(remembered, profile=settings)
        before = remembered.profile
        return replace(remembered, profile=settings, profile_before_practice=before)

    selected = context.from_state(selection.update(select))
    return SwitchedOn(selected.profile_and_region, foreign_port)


def switch_off() -> str:
    """Select the previous profile again; stop the practice cloud; return the profile's name."""

    def select(remembered: State) -> State:
        if not is_practice(remembered.profile):
            return remembered
        before = remembered.profile_before_practice or ProfileSettings()
        return replace(remembered, profile=before, profile_before_practice=None)

    remembered = selection.update(select)
    stop_cloud()
    return AwsProfile.from_settings(remembered.profile).name


def stop_cloud() -> None:
    """Stop the practice cloud if it runs."""
    practice.stop_cloud(paths.data_folder(_FOLDER))


def is_on() -> bool:
    """Whether the practice cloud is selected."""
    return is_practice(selection.read().profile)


def list_faults() -> dict[str, str]:
    """Return the description of each fault, by its name."""
    return {name: fault.description for name, fault in practice.FAULTS.items()}


def inject_fault(name: str, *, times: int = 1, **aim: Any) -> None:
    """Inject a fault into the next `times` requests; raise WrongState if the cloud is off."""
    _find_running().inject_fault(name, times=times, **aim)


def make_bucket(name: str, folder: str | None) -> str:
    """Give the practice cloud a bucket with the files of a folder; return its address.

    Raises WrongState if the cloud is off, BadSetting for a name that S3 does not allow, BadData
    where there is no such folder.
    """
    running = _find_running()
    if not is_bucket_name(name):
        raise BadSetting(
            f"{name!r} cannot be the name of a bucket.",
            fix="3 to 63 lower-case letters, digits, dots and hyphens: "
            "%practice bucket practice-photos data/pets",
        )
    path = Path(folder or "").expanduser().absolute()
    if not folder or not path.is_dir():
        raise BadData(
            f"A bucket of the practice cloud needs a folder of this computer, got {folder!r}.",
            fix=f"%practice bucket {name} data/pets",
        )
    selected = selection.read().profile
    region = selected.region if is_practice(selected) else None
    document = {"name": name, "folder": str(path), "region": region or practice.REGION}
    running.send_command("bucket", document)
    return f"s3://{name} has the files of {path}, in {document['region']}."


def list_buckets() -> list[str]:
    """Return the addresses of the buckets; raise WrongState if the practice cloud is off."""
    if not is_on():
        raise WrongState("The practice cloud is off.", fix="%practice on")
    found = context.load(remembers=False).session.query("s3", "list_buckets")["Buckets"]
    return [f"s3://{each['Name']}" for each in found]


def is_practice(settings: ProfileSettings) -> bool:
    """Whether a profile is that of the practice cloud."""
    return settings.profile == "practice" and settings.config_file is not None


def _find_running() -> practice.PracticeCloud:
    running = practice.find_cloud(paths.data_folder(_FOLDER))
    if running is None:
        raise WrongState("The practice cloud is not running.", fix="%practice on")
    return running
