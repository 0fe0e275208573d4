"""Each block of the pages runs, in an AWS account in this process or on the practice cloud.

The blocks of the evening run in its notebook (`make notebooks`). A line that trains or installs is
run with `--explain`: it is checked against the account and the folder, and the commands that do the
same are printed.
"""

from __future__ import annotations

import builtins
import os
import shutil
import subprocess
from contextlib import nullcontext, suppress
from pathlib import Path

import asyncssh
import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from dl_magics.errors import NoSuchRun, NotConnected
from support.docs import PAGES, read_blocks

# No account has the instance profile of a page.
LAUNCHED_WITH_ROLE = "%aws_launch g4dn.xlarge --instance-profile"
EXPLAINED = ("%finetune", "%%finetune", "%gpu_connect --setup", LAUNCHED_WITH_ROLE)
# These connect to a host; others need no more than the API.
ON_HOSTS = ("budgets", "environments", "spot")
# What a page takes for granted.
BEFORE = {
    "budgets": ["%aws_launch t2.micro --name evening -y"],
    "teams": ["%aws_launch t2.micro --name thesis -y"],
    "without": ["%aws_launch t2.micro --name evening -y"],
    "environments": ["%aws_launch t2.micro --name evening -y"],
    "three_hands": ["%aws_launch t2.micro --name evening -y"],
}
ROOT = Path(__file__).parents[2]
PHOTOS = ROOT / "notebooks/data/fashion/valid"
RUN = [page for page in PAGES if page.stem != "evening" and read_blocks(page, "python")]


@pytest.fixture
def shell(page, request, tmp_path, monkeypatch):
    """A shell in a folder with photos; its person answers each question with yes."""
    request.getfixturevalue("cloud_with_hosts" if page.stem in ON_HOSTS else "account_or_cloud")
    monkeypatch.setattr(builtins, "input", lambda *_: "y")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    for name in ("bag", "coat"):
        folder = tmp_path / "work/photos" / name
        folder.mkdir(parents=True)
        for n, photo in enumerate(sorted((PHOTOS / name).iterdir())):
            shutil.copy(photo, folder / f"patient{n // 3}_{n}.png")
    ssh = Path(os.environ["HOME"], ".ssh")
    ssh.mkdir(mode=0o700)
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_private_key(ssh / "thesis.pem")
    (ssh / "thesis.pem").chmod(0o600)
    (ssh / "config").touch(0o600)
    InteractiveShell.clear_instance()
    made = InteractiveShell.instance(config=Config({"HistoryManager": {"enabled": False}}))
    made.run_cell("%load_ext dl_magics").raise_error()
    yield made
    with suppress(NotConnected):
        made.run_cell("%gpu_disconnect").raise_error()
    InteractiveShell.clear_instance()


@pytest.mark.parametrize("page", RUN, ids=lambda page: page.stem)
def test_the_blocks_of_a_page_run_in_their_order(shell, page):
    for line in BEFORE.get(page.stem, []):
        shell.run_cell(line).raise_error()

    for block in read_blocks(page, "python"):
        for cell in split_cells(block):
            with expect_refusal(cell):
                shell.run_cell(cell).raise_error()


def expect_refusal(cell):
    """No run was interrupted that could be resumed."""
    return pytest.raises(NoSuchRun) if cell == "%finetune --resume" else nullcontext()


def split_cells(block):
    """Yield a cell magic as it is, and other blocks line by line, with `--explain` where needed."""
    for cell in [block] if block.startswith("%%") else block.splitlines():
        first, _, body = cell.partition("\n")
        is_harmless = {"--check", "--resume"} & set(first.split())
        is_explained = first.startswith(EXPLAINED) and not is_harmless
        line = f"{first} --explain" if is_explained else first
        yield f"{line}\n{body}" if body else line


@pytest.mark.parametrize(
    ("page", "block"),
    [(page.stem, block) for page in PAGES for block in read_blocks(page, "shell")],
)
def test_each_program_of_a_shell_block_knows_its_command(page, block):
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)
    for line in block.splitlines():
        words = line.split()
        assert shutil.which(words[0]), line
