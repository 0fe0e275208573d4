"""Train on several hosts, and go on from the last checkpoint where one of them is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from dl_magics.errors import TrainingFailed
from dl_magics.runs.events import Event, Warned
from dl_magics.training.crew.joint import state
from dl_magics.training.crew.joint.hosted_network import HostedNetwork, Rows
from dl_magics.training.crew.joint.hosts import HostsLost, Job, OpenHosts, TrainingHosts
from dl_magics.training.engine import checkpoint
from dl_magics.training.engine.checkpoint import Checkpoint, CheckpointSaver
from dl_magics.training.engine.compute_settings import MAY_DIFFER
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.learned import load_weights
from dl_magics.training.engine.heads.training import Keep, TrainingState
from dl_magics.training.phases import Frame

# A host that is lost at once, again and again, is no reason to train for ever.
_MOST_LOSSES = 5
_HOSTS = "hosts"

Train = Callable[[Any, Examples, Examples, Keep], Iterator[Event]]


@dataclass
class JointTraining:
    """Trains the `model` of this process on hosts, from `standing` on.

    `about` is what the checkpoints of the run are about. `began` is the number of hosts that
    trained before a resumption, if some did.
    """

    open_hosts: OpenHosts
    job: Job
    model: Any
    standing: TrainingState
    frame: Frame
    about: Mapping[str, Any]
    began: int | None = None

    def run(self, examples: tuple[Examples, Examples], train: Train) -> Iterator[Event]:
        """Train with `train` until the end; the best weights are then those of the model.

        Raises TrainingFailed where no host is left.
        """
        yield from self._save()
        for _ in range(_MOST_LOSSES):
            try:
                hosts, warnings = self.open_hosts(self.job, self.frame.should_stop)
                yield from warnings
                if hosts is None:
                    break
                with closing(hosts):
                    yield from self._describe(hosts)
                    hosts.send_variables(state.pack(state.list_all(self.model)))
                    yield from self._train(hosts, examples, train)
                return
            except HostsLost as error:
                lost = error
                yield Warned(
                    code="hosts_lost",
                    text=f"The hosts cannot train together any more: {error}",
                    fix="Training goes on from its checkpoint, on the hosts that answer.",
                )
                self._go_back()
            if self.frame.should_stop():
                break
        else:
            raise TrainingFailed(
                f"Training on several hosts was begun {_MOST_LOSSES} times. The last one: {lost}",
                fix="%finetune --resume goes on from the checkpoint · or leave workers out.",
            )
        load_weights(self.model, self.standing.best.weights)

    def _train(
        self, hosts: TrainingHosts, examples: tuple[Examples, Examples], train: Train
    ) -> Iterator[Event]:
        network = HostedNetwork(self.model, hosts)
        first, on_hosts = 0, []
        for each in examples:
            on_hosts.append(replace(each, features=Rows(first, each.features.shape)))
            first += len(each)
        about = {**self.about, _HOSTS: len(hosts.names)}
        keeper = CheckpointSaver(self.frame.folder, network, about, self.frame.timer)

        def keep(standing: TrainingState) -> Iterator[Event]:
            # To go back never repeats an epoch whose end was reported.
            yield from keeper.save_if_due(standing) if standing.batches else keeper.save(standing)

        yield from train(network, on_hosts[0], on_hosts[1], keep)

    def _describe(self, hosts: TrainingHosts) -> Iterator[Warned]:
        count = len(hosts.names)
        if self.began not in (None, count):
            yield Warned(
                code="other_hosts",
                text=f"{_count(self.began or 1)} trained the last layers before, and "
                f"{_count(count)} from here on ({', '.join(hosts.names)}): each batch is divided "
                "differently.",
                fix=MAY_DIFFER,
            )
        self.began = count

    def _save(self) -> Iterator[Event]:
        """Save what hosts begin with."""
        about = self.about if self.began is None else {**self.about, _HOSTS: self.began}
        captured = checkpoint.capture(self.model, self.standing, about)
        yield checkpoint.save_checkpoint(self.frame.folder, captured)

    def _go_back(self) -> None:
        saved = checkpoint.load_checkpoint(self.frame.folder)
        assert saved, "one is saved at the beginning"
        checkpoint.restore_head(self.model, saved)
        self.standing.go_back_to(saved.standing)


def read_hosts(saved: Checkpoint | None) -> int | None:
    """Return how many hosts trained until a checkpoint; None where none did."""
    found = saved.about.get(_HOSTS) if saved else None
    return found if isinstance(found, int) else None


def _count(hosts: int) -> str:
    return "1 host" if hosts == 1 else f"{hosts} hosts"
