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


class NotTrained(DLMagicsError):
    """The run ended before it had a model."""

    status = 409


class DamagedRun(DLMagicsError):
    """A file of a run cannot be read."""


class TrainingFailed(DLMagicsError):
    """The training itself could not go on."""
