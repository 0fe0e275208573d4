"""A practice cloud for a benchmark, with one running and selected instance."""

from __future__ import annotations

from dataclasses import replace
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def run_instance(folder: Path) -> Iterator[str]:
    """Yield the id of the instance; stop the practice cloud afterwards."""
    from dl_magics import practice
    from dl_magics.actions.aws import context
    from dl_magics.store import state

    os.environ["DL_MAGICS_HOME"] = tempfile.mkdtemp()
    practice.start_cloud(folder, delay=0.2)
    files = practice.ensure_profile(folder)
    state.choose(
        place={
            "profile": files.name,
            "region": files.region,
            "config_file": str(files.config_file),
            "credentials_file": str(files.credentials_file),
            "ssh_config": str(files.ssh_config),
        }
    )
    try:
        image = context.door().ask("ec2", "describe_images", Owners=["amazon"])["Images"][0]
        parameters = {"ImageId": image["ImageId"], "InstanceType": "t2.micro"}
        made = context.door().tell("run_instances", MinCount=1, MaxCount=1, **parameters)
        id_ = str(made["Instances"][0]["InstanceId"])
        list(context.load().ec2.start(context.load().ec2.describe_instance(id_)))
        context.choose(context.load().ec2.describe_instance(id_))
        yield id_
    finally:
        practice.stop_cloud(folder)
