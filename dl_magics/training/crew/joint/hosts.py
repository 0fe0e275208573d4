"""What a run knows of the hosts that train the last layers of its network together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from dl_magics.errors import BadSetting
from dl_magics.runs.events import Warned
from dl_magics.training.crew.joint import build
from dl_magics.training.engine.features import records
from dl_magics.training.engine.heads.examples import Values
from dl_magics.training.engine.heads.moments import Moments
from dl_magics.training.engine.parallel.training_devices import count_devices
from dl_magics.training.recipe.recipe import Recipe

Stop = Callable[[], bool]
Array = NDArray[Any]

VERSIONS = ("jax", "keras")
"""The packages of which all hosts need the same version."""
_BACKEND = "jax"
# Each is in memory on all sides.
_BYTES_AT_ONCE = 2**24


class HostsLost(Exception):
    """Hosts that train together lost one of them, or one another: no step can be trained."""


@dataclass(frozen=True, eq=False)
class Job:
    """What hosts train together: the network of a recipe, and the activations for it.

    `stored` is the type in which the activations are sent, `values` are those of all images that
    the network is trained on and checked with, one after the other.
    """

    recipe: Recipe
    precision: str
    classes: int
    batch_size: int
    moments: Moments
    stored: str
    values: Sequence[Values]

    def describe(self) -> dict[str, Any]:
        """Return what each host must know, as JSON, without the recipe."""
        return {
            "precision": self.precision,
            "classes": self.classes,
            "moments": [each.tolist() for each in self.moments],
            "stored": self.stored,
            "images": self.values[0].shape[0],
            "rows": sum(each.shape[0] for each in self.values),
            "shape": list(self.values[0].shape[1:]),
            "values_type": records.make_layout((), self.stored)["values"].str,
        }

    def leave_weights_out(self) -> Recipe:
        """Return the recipe that hosts build: they get its weights from the run."""
        return build.leave_weights_out(self.recipe)

    def read_parts(self) -> Iterator[Array]:
        """Yield the activations in parts, as they are sent."""
        for values in self.values:
            row = 4 * max(1, int(values[:1].size))
            step = max(1, _BYTES_AT_ONCE // row)
            for at in range(0, values.shape[0], step):
                yield records.from_float32(values[at : at + step], self.stored)


class TrainingHosts(Protocol):
    """Hosts that train together; what they do raises HostsLost where one of them is lost."""

    @property
    def names(self) -> Sequence[str]:
        """Their names."""

    def send_variables(self, packed: bytes) -> None:
        """Set all variables of the network and its optimizer."""

    def train(self, rows: Array, labels: Array, weights: Array | None) -> dict[str, float]:
        """Train on a batch of the rows of the activations; return its loss and metrics."""

    def predict(self, rows: Array) -> Array:
        """Return the logits of rows."""

    def read_variables(self) -> bytes:
        """Return the variables that training changes."""

    def close(self) -> None:
        """End their processes."""


class OpenHosts(Protocol):
    """Starts a process on each host that can be reached, and sends the activations to them."""

    def __call__(
        self, job: Job, stop: Stop, /
    ) -> tuple[TrainingHosts | None, Sequence[Warned]]: ...


def require_jax(recipe: Recipe, backend: str) -> None:
    """Raise BadSetting where workers would have to train with a backend that cannot."""
    if not (recipe.workers and recipe.trains_network) or backend == _BACKEND:
        return
    name, value = "unfreeze", recipe.unfreeze
    if recipe.lora_rank is not None:
        name, value = "lora_rank", recipe.lora_rank
    raise BadSetting(
        f"{name} = {value!r} with workers: several hosts train layers together with JAX only, and "
        f"Keras runs on {backend} here.",
        fix="Restart the kernel with: %env KERAS_BACKEND=jax · or leave workers out and train on "
        "one instance: %gpu_connect NAME",
    )


def count_hosts(batch_size: int, hosts: int, devices: int) -> tuple[int, int]:
    """Return how many hosts train, and on how many devices each, of those that there are.

    A batch is divided evenly, so that enough images go to each.
    """
    for count in range(hosts, 1, -1):
        if count_devices(batch_size, count * devices) == count * devices:
            return count, devices
    return 1, count_devices(batch_size, devices)
