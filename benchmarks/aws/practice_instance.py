"""A practice cloud for a benchmark, with one running and selected instance."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

IMAGE = "ami-0d1ea5e5c10bd5a11"
"""The Deep Learning AMI of the practice cloud."""


@contextmanager
def run_instance(folder: Path) -> Iterator[str]:
    """Yield the id of the instance; stop the practice cloud afterwards."""
    from dl_magics import practice
    from dl_magics.actions.aws import context
    from dl_magics.store import state

    os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()
    practice.start_cloud(folder, delay=0.2)
    files = practice.ensure_profile(folder)
    settings = state.ProfileSettings(
        profile=files.name,
        region=files.region,
        config_file=str(files.config_file),
        credentials_file=str(files.credentials_file),
        ssh_config=str(files.ssh_config),
    )
    state.update(lambda before: replace(before, profile=settings))
    try:
        parameters = {"ImageId": IMAGE, "InstanceType": "t2.micro"}
        made = context.load().session.change_ec2(
            "run_instances", MinCount=1, MaxCount=1, **parameters
        )
        id_ = str(made["Instances"][0]["InstanceId"])
        list(context.load().ec2.start(context.load().ec2.describe_instance(id_)))
        current = context.load()
        current.select_instance(current.ec2.describe_instance(id_))
        yield id_
    finally:
        practice.stop_cloud(folder)
