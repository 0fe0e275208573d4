"""The copy of a checkpoint on this computer: fetched when AWS takes a spot instance back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from dl_magics.actions.gpu.host import SshHost
from dl_magics.errors import DLMagicsError
from dl_magics.runs import checkpoint_request
from dl_magics.runs.events import Event, Warned
from dl_magics.runs.remote_origin import RemoteOrigin
from dl_magics.ssh import blocking, sftp
from dl_magics.training.engine import checkpoint

_MAX_BYTES = 8 * 2**30


def fetch_after(event: Event, origin: RemoteOrigin, folder: Path) -> None:
    """Fetch the checkpoint of a run if this event says that its instance ends.

    Without it the run can be resumed all the same, which takes longer: a failure changes nothing.
    """
    if not isinstance(event, Warned) or event.code != checkpoint_request.SPOT_NOTICE:
        return
    with suppress(DLMagicsError, OSError):
        blocking.wait_for(
            sftp.download_file(
                SshHost.from_json(origin.host).resolve_target(),
                f"{origin.run_folder}/{checkpoint.FILE_NAME}",
                folder / checkpoint.FILE_NAME,
                max_bytes=_MAX_BYTES,
            )
        )
