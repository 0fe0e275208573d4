"""All failures in one run: the real VGG16 with ImageNet weights, EC2, a real sshd."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from dl_magics.actions.aws import context
from dl_magics.actions.gpu import notebook_kernel
from dl_magics.actions.runs import runs
from dl_magics.practice.hosts import environment
from dl_magics.runs import log, remote_origin
from dl_magics.ssh import keys, known_hosts
from dl_magics.training.run import Run
from support import command, tiny_keras
from support.cloud import choose_practice
from support.ec2_client import until
from support.kernel import SESSION, runner, shell_with_magics
from support.two_hosts import notebook_process

CELL = (
    "%%finetune colours\nimage_size = 48\nmixed_precision = False\n"
    "dense = [16]\nheads = 1\nbatch_size = 8\nepochs = 60\npatience = 60"
)
WHEELS = Path(__file__).parents[2] / "build" / "wheels"


class Evening:
    """A notebook on the laptop, and an instance whose SSH is the lab's."""

    def __init__(self, lab, config):
        self.lab = lab
        self.home = lab.folder / "home"
        self._config = config
        self._notebooks = []
        self.know_the_way()

    def know_the_way(self):
        """Resolve an address of EC2 to its address in the lab."""
        key = keys.ensure_key_pair("lab").file
        self._config.write_text(f"Host *\n  HostName {self.lab.address}\n  IdentityFile {key}\n")

    def notebook(self, *cells):
        program = [*command(notebook_process), self.lab.laptop]
        self._notebooks.append(subprocess.Popen([*program, *cells], stdout=subprocess.DEVNULL))
        return self._notebooks[-1]

    def close(self):
        for each in self._notebooks:
            each.kill()
            each.wait()

    def log_there(self, run):
        return self.home / ".dl_magics" / "runs" / run.name / log.FILE_NAME

    def train_some_epochs(self, there):
        """Let the GPU kernel train some epochs and stop it, so that the run outlasts the failure.

        It runs for a hundredth of a second at a time: while this computer is busy, a kernel that
        ran on would have trained all epochs before it is stopped.
        """
        (kernel,) = until(lambda: there.exists() and self.lab.running("ipykernel_launcher"))
        until(lambda: epochs(there), is_cheap=True)
        enough = epochs(there) + 3

        def has_trained():
            os.kill(kernel, signal.SIGCONT)
            time.sleep(0.01)
            os.kill(kernel, signal.SIGSTOP)
            return epochs(there) >= enough

        until(has_trained, is_cheap=True)

    def power_off(self):
        for pid in self.lab.running(""):
            os.kill(pid, signal.SIGKILL)
        self.lab.sshd.wait()

    def power_on(self):
        self.lab.move()
        self.know_the_way()
        self.lab.sshd = self.lab.start_sshd()


@pytest.fixture
def evening(lab, cloud, rent, tmp_path, monkeypatch):
    monkeypatch.setenv("JPY_SESSION_NAME", SESSION)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(WHEELS))
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "ssh_config"
    evening = Evening(lab, config)
    choose_practice(cloud, ssh_config=str(config), address_url="")
    id_ = rent()
    user = {"Key": "dl-magics:user", "Value": "root"}
    context.load().session.change_ec2("create_tags", Resources=[id_], Tags=[user])
    known_hosts.pin_keys(id_, keys.ensure_key_pair("lab-host").public)
    environment.create_environment(evening.home)
    tiny_keras.photos(tmp_path / "colours", n=8)
    tiny_keras.photos(evening.home / "colours", n=8)
    yield evening
    notebook_kernel.detach()
    evening.close()


def epochs(file):
    return file.read_bytes().count(b'"epoch_ended"') if file.exists() else 0


def test_an_interrupted_run_ends_with_the_results_of_an_uninterrupted_one(evening):
    run = runner(shell_with_magics())
    undisturbed = run(CELL)
    weights = evening.home / ".dl_magics" / "weights"
    weights.mkdir(parents=True)
    for file in (Path(evening.lab.home) / "weights").iterdir():
        (weights / file.name).symlink_to(file)

    first = evening.notebook("%aws_get gpu", "%gpu_connect", CELL)
    going = until(
        lambda: [each for each in runs.list_local_runs() if remote_origin.load(each.path)]
    )[0]
    here_, there = going.path / log.FILE_NAME, evening.log_there(going)
    evening.train_some_epochs(there)
    until(lambda: epochs(here_))
    evening.lab.wire("down")
    seen = epochs(there)
    evening.train_some_epochs(there)
    first.kill()
    first.wait()
    evening.lab.wire("up")

    second = evening.notebook(f"%attach {going.name}")
    until(lambda: epochs(here_) > seen)
    told = epochs(there)
    evening.train_some_epochs(there)
    until(lambda: epochs(here_) > told)
    run("%aws_stop gpu")
    evening.power_off()
    second.wait()
    assert going.status == "interrupted"
    broken_off = epochs(there)

    evening.power_on()
    run("%aws_start gpu -y")
    run("%gpu_connect gpu")
    resumed = run(f"%finetune --resume {going.name}")

    assert undisturbed.state.device == resumed.state.device
    assert seen < told < broken_off < 60
    assert resumed.name == going.name
    assert resumed.status == undisturbed.status == "done"
    assert resumed.history == undisturbed.history
    assert here_.read_bytes() == there.read_bytes()
    model = going.path / "model.keras"
    assert sha256(model) == sha256(there.with_name("model.keras"))
    assert tiny_keras.weights(going.path).keys() == tiny_keras.weights(undisturbed.path).keys()
    assert probabilities(resumed) == probabilities(undisturbed)


def sha256(file):
    return hashlib.sha256(file.read_bytes()).hexdigest()


def probabilities(run: Run):
    """Return the probabilities that the model of this computer has, in full."""
    return [each.probabilities for each in run.predict("colours", here=True)]
