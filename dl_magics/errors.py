"""Expected failures: two lines, what happened with the value received, then what to type."""

from __future__ import annotations


class DLMagicsError(Exception):
    """An expected failure: it says what happened and what to do next.

    IPython, kernels and nbclient show just the two lines of `_render_traceback_`, and the cell
    still fails.
    """

    status = 500

    def __init__(self, happened: str, *, fix: str) -> None:
        super().__init__(happened)
        self.fix = fix

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}", f"  {self.fix}"]


class BadSetting(DLMagicsError):
    """A setting has an unknown name, a wrong type or an impossible value."""

    status = 400


class BadData(DLMagicsError):
    """The images are not there, or not such that a model can learn from them."""

    status = 400


class WeightsNotFound(DLMagicsError):
    """The pretrained weights can be had in no way."""

    status = 424


class NoSuchRun(DLMagicsError):
    """No run has this name."""

    status = 404


class NotResumable(DLMagicsError):
    """The run cannot go on: it came to its end, goes on already, or began with something else."""

    status = 409


class NotTrained(DLMagicsError):
    """The run ended before it had a model."""

    status = 409


class DamagedRun(DLMagicsError):
    """A file of a run cannot be read."""


class NotLoadable(DLMagicsError):
    """A model is whole, but the Keras here cannot load it."""


class TrainingFailed(DLMagicsError):
    """The training itself could not go on."""


class DamagedFile(DLMagicsError):
    """One of our own files could not be read; it was set aside."""


class NoFolder(DLMagicsError):
    """Our own folder cannot be made."""


class NotInstalled(DLMagicsError):
    """A package that only some need is not there."""

    status = 424


class NotConfirmed(DLMagicsError):
    """What costs money or destroys something was not agreed to."""

    status = 409


class NoSuchInstance(DLMagicsError):
    """No instance has this name, id or type."""

    status = 404


class SeveralInstances(DLMagicsError):
    """A word fits more than one instance."""

    status = 409


class WrongState(DLMagicsError):
    """The instance is in a state in which this cannot be done."""

    status = 409


class NoCredentials(DLMagicsError):
    """There are no AWS credentials, or they are wrong or out of date."""

    status = 401


class NoRegion(DLMagicsError):
    """Nothing says which AWS region is meant."""

    status = 400


class NotAllowed(DLMagicsError):
    """The AWS account's policy does not allow it."""

    status = 403


class NoCapacity(DLMagicsError):
    """AWS has no instance of this type left there."""

    status = 503


class QuotaReached(DLMagicsError):
    """The account's quota is too small for it."""

    status = 403


class NoSuchType(DLMagicsError):
    """The instance type does not exist, or not in this region."""

    status = 400


class NoSuchImage(DLMagicsError):
    """The image does not exist, or not in this region."""

    status = 400


class TooManyRequests(DLMagicsError):
    """AWS asks to go slower, also after some waiting."""

    status = 429


class NoAnswer(DLMagicsError):
    """AWS, or the instance, could not be reached or gave no sensible answer."""

    status = 504


class CloudRefused(DLMagicsError):
    """AWS refused for a reason that has no class of its own here."""

    status = 502


class NoAddress(DLMagicsError):
    """The address that this computer has on the internet could not be had."""

    status = 502


class HostKeyRefused(DLMagicsError):
    """The instance shows another host key than the one that is known, or none is known."""

    status = 403


class CommandFailed(DLMagicsError):
    """A command on the instance ended with another status than 0."""


class BadValue(DLMagicsError):
    """A value cannot go to the GPU kernel or come back."""

    status = 400


class NotConnected(DLMagicsError):
    """No GPU kernel is connected to this notebook."""

    status = 409


class KernelDied(DLMagicsError):
    """The GPU kernel ended by itself, or the instance under it did."""


class OutputLost(DLMagicsError):
    """What the kernel said in a short while was not written down by anybody."""

    status = 502


class NoSuchFile(DLMagicsError):
    """A file or folder that was named is not there."""

    status = 404


class DiskFull(DLMagicsError):
    """What should be written does not fit."""

    status = 507


class CannotChange(DLMagicsError):
    """A file of another program could not be changed."""

    status = 409
