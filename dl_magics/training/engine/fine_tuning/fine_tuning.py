"""Fine-tune a network: store the activations below the cut once, then train what is above."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.runs.events import Event, Warned
from dl_magics.runs.paths import RunPaths
from dl_magics.runs.state import STORING
from dl_magics.training.checks import disk_space
from dl_magics.training.crew.crew import Crew
from dl_magics.training.crew.joint.hosts import Job
from dl_magics.training.crew.joint.training import JointTraining, read_hosts
from dl_magics.training.engine import checkpoint
from dl_magics.training.engine.augmentation import image_flow
from dl_magics.training.engine.checkpoint import Checkpoint, CheckpointSaver
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.feature_store import BEHIND_LAYER, FeatureStore
from dl_magics.training.engine.features.stored_values import StoredValues
from dl_magics.training.engine.fine_tuning.split_network import (
    SplitNetwork,
    build_trainable,
    merge_adapters,
    split_network,
)
from dl_magics.training.engine.fine_tuning.split_store import SplitStore
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.learned import read_weights
from dl_magics.training.engine.heads.moments import measure_moments
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.engine.heads.training import (
    Keep,
    TrainingState,
    choose_training_batch,
    train_head,
)
from dl_magics.training.engine.inference.keras_compute import KerasCompute
from dl_magics.training.engine.networks import Frozen
from dl_magics.training.engine.parallel import data_parallel
from dl_magics.training.engine.parallel.training_devices import TrainingDevices
from dl_magics.training.engine.scanned_images import ScannedImages
from dl_magics.training.phases import Frame
from dl_magics.training.storage import spaces

# A copy of the weights, two slots of the optimizer for each, and the best weights; the new
# checkpoint is complete before the one before is removed.
_CHECKPOINT_COPIES = 2 * 4
_CHECK_BATCH = 32


@dataclass
class FineTuning:
    """The part of a run that trains the last layers of its network together with the head.

    `frozen` is the network of the run: after `train` its `plain` has the trained layers, and
    `trained` is what was trained on which validation examples.
    """

    frame: Frame
    paths: RunPaths
    frozen: Frozen
    split: SplitNetwork
    activations: FeatureStore
    precision: str
    devices: TrainingDevices
    trained: tuple[Any, Examples] | None = None

    @classmethod
    def prepare(
        cls,
        frame: Frame,
        paths: RunPaths,
        frozen: Frozen,
        precision: str,
        space: Mapping[str, Any],
        devices: TrainingDevices,
    ) -> FineTuning:
        """Cut the network of a recipe; `space` is what its features depend on.

        Raises BadSetting where the network has not what `unfreeze` names.
        """
        split = split_network(frame.recipe, frozen)
        place = {**space, "cut": f"{BEHIND_LAYER} {split.cut.position}"}
        store = FeatureStore(paths.features, place, split.activations, split.stored)
        spaces.record_user(store.folder, paths.run.name)
        return cls(frame, paths, frozen, split, store, precision, devices)

    def bytes_needed(self, images: ScannedImages) -> dict[Path, int]:
        """Return what is written below each folder beyond a run that trains only a head."""
        checkpoints = _CHECKPOINT_COPIES * 4 * self.split.values
        return {self.activations.folder: self._missing_bytes(images), self.paths.run: checkpoints}

    def describe(self, images: ScannedImages) -> Iterator[Warned]:
        """Yield what is stored, where the network is cut, and which devices do not train it."""
        split, size = self.split, self._missing_bytes(images)
        if split.cut.between:
            yield Warned(
                code="cut_below",
                text=f"{split.name_above} is in a branch of the network, so it is cut behind "
                f"{split.name_below}: {split.cut.between} layers between are computed in every "
                "epoch and not trained.",
                fix=f"To train them, too: unfreeze = {split.layers_above}",
            )
        said = [self._describe_adapters()] if split.projections else []
        if size:
            each = self.activations.record_bytes
            said.append(
                f"The output of {split.name_below} is stored for {size // each:,} images, "
                f"{' × '.join(map(str, split.activations))} {self.activations.values} values each: "
                f"{disk_space.format_bytes(size)}."
            )
        if not split.cut.position:
            said.append(
                "An epoch of the second phase computes the whole network, forwards and backwards: "
                "about three times as long as the features of the training images."
            )
        if said:
            yield Warned(
                code=STORING,
                text=" ".join(said),
                fix="Each epoch of the second phase begins there, as do later runs. To give the "
                "space back: %features",
            )
        yield from self.devices.describe()

    def _describe_adapters(self) -> str:
        split, rank = self.split, self.frame.recipe.lora_rank
        return (
            f"lora_rank = {rank}: {split.projections} projections of attention get adapters; "
            f"{split.values:,} weights are trained beside the head, not {split.values_above:,}."
        )

    def fill(
        self, features: FeatureStore, found: Device, batch_size: int
    ) -> tuple[SplitStore, KerasCompute]:
        """Return what is to be filled, activations and features, and what computes it."""
        above = KerasCompute(self.split.above, found, batch_size)
        store = SplitStore(
            self.activations, features, lambda values: (values, lambda: above.start(values)())
        )
        return store, KerasCompute(self.split.below, found, batch_size)

    def train(
        self,
        head: Any,
        images: ScannedImages,
        examples: tuple[Examples, Examples],
        standing: TrainingState,
        saved: Checkpoint | None,
        about: Mapping[str, Any],
        crew: Crew | None = None,
    ) -> Iterator[Event]:
        """Train from `standing` on; at the end head and network have the best weights of the run.

        `examples` are those of the head, `saved` is the checkpoint of this phase, if there is one.
        The hosts of a `crew` train together.
        """
        frame, recipe = self.frame, self.frame.recipe
        devices = data_parallel.select_devices(self.devices.members)
        with devices.scope():
            # The variables of the head are of one device.
            copied = self._copy_head(head, examples[0]) if self.devices.members else head
            trainable = build_trainable(
                recipe, self.frozen, self.split, copied, examples[0].images_per_epoch
            )
        joint = devices.distribute(trainable.joint)
        if standing.phase == "head":
            # The best weights from here on are those of the head with the network as it was.
            standing.best.weights = read_weights(joint)
            standing.enter_phase("unfrozen")
        elif saved:
            checkpoint.restore_head(joint, saved)
        yield frame.enter_training("unfrozen", standing.epochs_done)
        train, valid = (
            replace(each, features=StoredValues(self.activations, part.keys))
            for each, part in zip(
                examples,
                (images.readable(images.train), images.readable(images.valid)),
                strict=True,
            )
        )
        self.trained = joint, valid
        train = image_flow.let_images_flow(
            train, recipe, images, self.split.below, self.devices.found
        )

        def train_phase(
            network: Any, train: Examples, valid: Examples, keep: Keep
        ) -> Iterator[Event]:
            self._look_at_budget(network, train)
            yield from train_head(
                network,
                train,
                valid,
                epochs=recipe.unfreeze_epochs,
                batch_size=recipe.batch_size,
                # The schedule takes what is gained into the last weights: it is never cut short.
                patience=recipe.unfreeze_epochs,
                seed=recipe.seed,
                rate=recipe.fine_rate,
                stop=frame.should_stop,
                standing=standing,
                keep=keep,
                check_batch=_CHECK_BATCH,
            )

        if crew:
            job = Job(
                recipe,
                self.precision,
                frame.classes,
                choose_training_batch(recipe.batch_size),
                measure_moments(examples[0].features),
                self.activations.values,
                (train.features, valid.features),
            )
            began = read_hosts(saved)
            together = JointTraining(crew.train_together, job, joint, standing, frame, about, began)
            yield from together.run((train, valid), train_phase)
        else:
            keeper = CheckpointSaver(self.paths.run, joint, about, frame.timer)
            yield from train_phase(joint, train, valid, keeper.save_if_due)
        if copied is not head:
            head.set_weights(copied.get_weights())
        merged = merge_adapters(recipe, self.frozen, self.split.cut, trainable)
        self.frozen = replace(self.frozen, plain=merged)

    def _copy_head(self, head: Any, train: Examples) -> Any:
        copied = build_head(self.frame.recipe, train.features[:], self.frame.classes)
        copied.set_weights(head.get_weights())
        return copied

    def _look_at_budget(self, joint: Any, train: Examples) -> None:
        """End the run by its budget, if it has one, that does not suffice for a first step."""
        if self.frame.budget:
            before = self.frame.timer()
            joint.predict_on_batch(train.features[:_CHECK_BATCH])
            now = self.frame.timer()
            self.frame.budget.look_at_first_step(now, now - before)

    def _missing_bytes(self, images: ScannedImages) -> int:
        return disk_space.bytes_missing(self.activations, images.views.keys)
