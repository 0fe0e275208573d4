"""The kernel "Python (GPU: NAME)" of the launcher: a whole notebook on a GPU host."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.gpu.host import SshHost
from dl_magics.aws.profile import AwsProfile
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import WrongState
from dl_magics.gpu_kernel.bridge import Bridge
from dl_magics.gpu_kernel.client import GpuKernel
from dl_magics.store import notebook_session

# This notebook has no magics: its cells go to the host as they are.
_HOW_TO_START = (
    "%aws_start {} in another notebook, or Start in the panel; then run this cell again."
)


def main(words: Sequence[str]) -> int:
    """Run the kernel of a notebook until it ends; return the exit status for Jupyter.

    The notebook's path, or else the connection file, identifies its kernel on the host; a running
    one is reattached. While the host cannot be reached, the cells say why.
    """
    parser = argparse.ArgumentParser(prog="dl-magics kernel")
    parser.add_argument("-f", dest="file", type=Path, required=True, help="connection file")
    parser.add_argument("--where", required=True, help="instance id, or user@host")
    parser.add_argument("--name", default="", help="display name of the host")
    parser.add_argument("--python", required=True, help="interpreter on the host")
    parser.add_argument("--identity", default="", help="path of a private key file")
    parser.add_argument("--profile", default={}, type=json.loads, help="AWS profile, as JSON")
    parser.add_argument("--activate", default="", help="line of bash to run before the kernel")
    asked = parser.parse_args(words)
    host = SshHost(
        alias=asked.where,
        name=asked.name or asked.where,
        identity=asked.identity or None,
        profile=AwsProfile(**asked.profile) if asked.profile else None,
    )
    connection = json.loads(asked.file.read_text(encoding="utf-8"))
    notebook_session.identify_process(
        notebook_session.build_kernel_id(str(asked.file), connection["key"].encode()),
        kind="a notebook",
        variables={},
    )

    def attach() -> GpuKernel:
        try:
            return GpuKernel.attach(
                host.authorize_and_resolve,
                notebook_kernel.choose_run_dir(host),
                asked.python,
                activate=asked.activate,
                holder=(notebook_session.current(), host.name),
            )
        except WrongState as error:
            raise WrongState(
                str(error), fix=_HOW_TO_START.format(quote_name(host.name, host.alias))
            ) from error

    return Bridge(attach, connection, host.name).run()
