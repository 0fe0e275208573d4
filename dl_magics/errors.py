"""Expected failures. Each has two lines: what happened with the value received, then what to type.

DLMagicsError
├── UserError             what was typed cannot be carried out
│   ├── BadSetting          unknown name, wrong type or value out of range
│   ├── BadValue            a value cannot be sent to the GPU kernel or fetched from it
│   ├── BadData             a folder of images cannot be trained on
│   ├── NoSuchFile          a file or folder does not exist
│   ├── NoSuchRun           a run does not exist
│   ├── NoSuchInstance      no instance matches a name or an id
│   ├── SeveralInstances    more than one instance matches a name
│   └── NotConfirmed        a confirmation was required and not given
├── CloudError            AWS refused a request, or it could not be made
│   ├── NoCredentials       credentials are missing, invalid or expired
│   ├── NoRegion            no region is configured
│   ├── NotAllowed          an IAM policy denies the request
│   ├── NoCapacity          AWS has no capacity for the instance type
│   ├── QuotaReached        a service quota is too small
│   ├── NoSuchType          the instance type does not exist in the region
│   ├── NoSuchImage         the AMI does not exist in the region
│   ├── WrongState          the instance's state does not allow the request
│   ├── TooManyRequests     AWS still throttles after the retries
│   ├── NoAddress           this computer's public IP address is unknown
│   └── CloudRefused        any other refusal
├── ConnectionFailed      AWS or a host could not be reached or verified
│   ├── NoAnswer            unreachable, timed out, or the response is invalid
│   ├── HostKeyRefused      the SSH host key is unknown or differs from the pinned key
│   └── LoginRefused        the SSH server accepts neither the user nor the key
├── KernelError           the GPU kernel
│   ├── NotConnected        no GPU kernel is connected
│   ├── KernelDied          the GPU kernel or its instance ended
│   └── OutputLost          part of the output was not recorded
├── RunError              a training run
│   ├── WeightsNotFound     pretrained weights cannot be found or downloaded
│   ├── TrainingFailed      training stopped with an error
│   ├── NotTrained          the run has no model
│   ├── NotResumable        the run cannot be resumed
│   ├── NotLoadable         the installed Keras cannot load the model
│   └── DamagedRun          a file of the run cannot be read
└── MachineError          a file, disk or program, on this computer or on a host
    ├── NotInstalled        a package or program is missing
    ├── CommandFailed       a command on a host exited with an error
    ├── DiskFull            the disk has too little space
    ├── CannotChange        a settings file of another program, or a data set, cannot be changed
    ├── DamagedFile         a file of dl_magics cannot be read
    └── NoFolder            the folder of dl_magics cannot be created or written, or is not private
"""

from __future__ import annotations

from dl_magics.text import escape_controls, wrap_line


class DLMagicsError(Exception):
    """An expected failure: `happened` states it with the value received, `fix` what to type next.

    IPython, kernels and nbclient show only these two lines, with control characters escaped; the
    cell still fails. `status` is the HTTP status of a REST response that reports it.
    """

    status = 500

    def __init_subclass__(cls, status: int | None = None) -> None:
        super().__init_subclass__()
        cls.status = status or cls.status

    def __init__(self, happened: str, *, fix: str) -> None:
        super().__init__(escape_controls(happened, keep="\n\t"))
        self.fix = escape_controls(fix, keep="\n\t")

    def _render_traceback_(self) -> list[str]:
        return [wrap_line(f"{type(self).__name__}: {self}"), wrap_line(f"  {self.fix}")]


class UserError(DLMagicsError, status=400):
    """What was typed cannot be carried out."""


class BadSetting(UserError):
    """A setting or an argument has an unknown name, a wrong type or a value out of range."""


class BadValue(UserError):
    """A variable cannot be sent to the GPU kernel or fetched from it."""


class BadData(UserError):
    """A folder of images is missing, or a model cannot be trained on it."""


class NoSuchFile(UserError, status=404):
    """A file or folder does not exist."""


class NoSuchRun(UserError, status=404):
    """No run has this name."""


class NoSuchInstance(UserError, status=404):
    """No instance has this name or id, or no instance type matches."""


class SeveralInstances(UserError, status=409):
    """More than one instance matches the name."""


class NotConfirmed(UserError, status=409):
    """A command that costs money or deletes something was not confirmed."""


class CloudError(DLMagicsError, status=502):
    """AWS refused a request, or the request could not be made."""


class NoCredentials(CloudError, status=409):
    """AWS credentials are missing, invalid or expired; 401 would mean a login to Jupyter."""


class NoRegion(CloudError, status=409):
    """No AWS region is configured."""


class NotAllowed(CloudError, status=403):
    """An IAM policy of the AWS account denies the request."""


class NoCapacity(CloudError, status=503):
    """AWS has no capacity left for this instance type."""


class QuotaReached(CloudError, status=403):
    """The account's service quota is too small for the request."""


class NoSuchType(CloudError, status=404):
    """The instance type does not exist, or not in this region."""


class NoSuchImage(CloudError, status=404):
    """The AMI does not exist, or not in this region."""


class WrongState(CloudError, status=409):
    """The state of the instance does not allow the request."""


class TooManyRequests(CloudError, status=429):
    """AWS throttles the requests, also after the retries."""


class NoAddress(CloudError):
    """The public IP address of this computer could not be determined."""


class CloudRefused(CloudError):
    """AWS refused the request with an error code that has no class of its own."""


class ConnectionFailed(DLMagicsError, status=504):
    """AWS or a host could not be reached, or its identity could not be verified."""


class NoAnswer(ConnectionFailed):
    """AWS or a host is unreachable, timed out, or sent an invalid response."""


class HostKeyRefused(ConnectionFailed, status=403):
    """The SSH host key is unknown, or does not match the pinned key."""


class LoginRefused(ConnectionFailed, status=403):
    """The SSH server does not accept this user with this key."""


class KernelError(DLMagicsError):
    """The GPU kernel cannot do what was requested."""


class NotConnected(KernelError, status=409):
    """No GPU kernel is connected to this notebook."""


class KernelDied(KernelError):
    """The GPU kernel ended, or its instance did."""


class OutputLost(KernelError, status=502):
    """Part of the kernel's output was not recorded."""


class RunError(DLMagicsError):
    """A training run failed, or its files cannot be used."""


class WeightsNotFound(RunError, status=424):
    """The pretrained weights could not be found or downloaded."""


class TrainingFailed(RunError):
    """Training stopped with an error."""


class NotTrained(RunError, status=409):
    """The run ended before it had a model."""


class NotResumable(RunError, status=409):
    """The run is finished, still running, or began with other data, weights or settings."""


class NotLoadable(RunError):
    """The model file is intact, but the installed Keras cannot load it."""


class DamagedRun(RunError):
    """A file of the run cannot be read."""


class MachineError(DLMagicsError):
    """A file, a disk or a program on this computer or on a host."""


class NotInstalled(MachineError, status=409):
    """A required package or program is not installed."""


class CommandFailed(MachineError):
    """A command on a host exited with a status other than 0."""


class DiskFull(MachineError, status=507):
    """The disk has too little free space."""


class CannotChange(MachineError, status=409):
    """A settings file that belongs to another program, or a data set, could not be changed."""


class DamagedFile(MachineError):
    """A file of dl_magics could not be read; it was set aside."""


class NoFolder(MachineError):
    """The folder of dl_magics cannot be created or written, or other users can change it."""


_GROUPS = DLMagicsError.__subclasses__()
BY_NAME = {each.__name__: each for group in _GROUPS for each in group.__subclasses__()}
"""The class of an error that another process reports by its name; other names are not ours."""
