"""Each magic can be explained, and explaining changes nothing, here or on AWS."""

from __future__ import annotations

import re

import pytest
from IPython.core.interactiveshell import InteractiveShell

from dl_magics import errors, magics
from dl_magics.actions.aws import selection
from support.kernel import runner, shell_with_magics

# A line of each magic, with what would change most.
LINES = {
    "attach": "%attach --explain",
    "aws_bill": "%aws_bill --explain",
    "aws_check": "%aws_check --explain",
    "aws_cleanup": "%aws_cleanup -f --explain",
    "aws_export": "%aws_export --replace --explain",
    "aws_get": "%aws_get gpu --user rocky --explain",
    "aws_get_p2": "%aws_get_p2 --explain",
    "aws_get_t2": "%aws_get_t2 --explain",
    "aws_ip": "%aws_ip --explain",
    "aws_keep": "%aws_keep 1h --explain",
    "aws_launch": "%aws_launch t2.micro --name two -y --explain",
    "aws_list": "%aws_list --everywhere --explain",
    "aws_nb": "%aws_nb --explain",
    "aws_prices": "%aws_prices --explain",
    "aws_profile": "%aws_profile uni --address-url data:,203.0.113.7 --explain",
    "aws_region": "%aws_region us-west-2 --explain",
    "aws_resize": "%aws_resize g4dn.xlarge -y --explain",
    "aws_safety": "%aws_safety --explain",
    "aws_ssh": "%aws_ssh --explain rm -r /",
    "aws_start": "%aws_start -y --explain",
    "aws_state": "%aws_state --explain",
    "aws_stop": "%aws_stop --explain",
    "aws_terminate": "%aws_terminate -f --explain",
    "backend": "%backend jax --explain",
    "bias_report": "%bias_report --explain",
    "check_data": "%check_data photos --fix --labels --explain",
    "clean_images": "%clean_images photos --explain",
    "confusion": "%confusion --explain",
    "device": "%device cpu --explain",
    "features": "%features --clear -y --explain",
    "finetune": "%%finetune photos --explain\nepochs = 1",
    "gpu": "%%gpu --explain\n1",
    "gpu_connect": "%gpu_connect --take-over --explain",
    "gpu_disconnect": "%gpu_disconnect --end-kernel --explain",
    "gpu_interrupt": "%gpu_interrupt --explain",
    "gpu_log": "%gpu_log -o run.ipynb --explain",
    "gpu_output": "%gpu_output --explain",
    "gpu_restart": "%gpu_restart --explain",
    "gpu_status": "%gpu_status --explain",
    "idle_timeout": "%idle_timeout 45 --explain",
    "keras_settings": "%keras_settings --explain",
    "lr_find": "%lr_find --explain",
    "manage_aws": "%manage_aws --explain",
    "most_confused": "%most_confused --explain",
    "predict": "%predict photos --explain",
    "practice": "%practice on --explain",
    "runs": "%runs --explain",
    "split_data": "%split_data photos --explain",
    "sync": "%sync up missing --delete -y --explain",
    "top_losses": "%top_losses --explain",
}
# What is refused here: tests/actions/gpu/explain has a host and a GPU kernel.
REFUSED = {
    **dict.fromkeys(
        ("aws_nb", "gpu", "gpu_disconnect", "gpu_interrupt", "gpu_log"), errors.NotConnected
    ),
    **dict.fromkeys(("gpu_output", "gpu_restart", "gpu_status"), errors.NotConnected),
    **dict.fromkeys(
        ("attach", "bias_report", "confusion", "lr_find", "most_confused", "predict", "top_losses"),
        errors.NoSuchRun,
    ),
    "aws_get_p2": errors.NoSuchInstance,
    **dict.fromkeys(("check_data", "finetune", "split_data"), errors.BadData),
    "gpu_connect": errors.BadSetting,
    "sync": errors.NoSuchFile,
}
# Options that act in other ways than the lines above, and what is refused here.
OPTIONS = {
    "%aws_launch t2.micro --count 2 --name crew -y --explain": None,
    "%aws_stop --crew crew --explain": errors.NoSuchInstance,
    "%aws_safety --rehearse --explain": errors.BadSetting,
    "%finetune --resume --explain": errors.NoSuchRun,
    "%runs --delete all -y --explain": errors.NoSuchRun,
}


@pytest.fixture
def run(uni, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    yield runner(shell_with_magics())
    InteractiveShell.clear_instance()


def test_the_lines_are_of_all_magics(run):
    tables = run.shell.magics_manager.magics.values()
    registered = {
        name
        for table in tables
        for name, function in table.items()
        if isinstance(getattr(function, "__self__", None), magics.ALL)
    }

    # %dl_help lists magics and does nothing that could be explained.
    assert set(LINES) == registered - {"dl_help"}


def test_explaining_changes_nothing_and_says_what_would(run, uni, ssh_commands, home, capsys):
    run("%aws_launch t2.micro -y")
    ssh_commands.clear()
    uni.calls.clear()
    remembered, files = selection.read(), read_files(home)

    lines = [*((line, REFUSED.get(name)) for name, line in LINES.items()), *OPTIONS.items()]
    for line, refused in lines:
        capsys.readouterr()
        if refused:
            with pytest.raises(refused):
                run(line)
        else:
            assert str(run(line) or capsys.readouterr().out).strip(), line
        assert [each.action for each in uni.calls if not each.is_read_only] == [], line
        assert (selection.read(), read_files(home)) == (remembered, files), line
        assert ssh_commands == [], line


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%backend --undo", "# It swaps .*keras.json and its copy from before the last change"),
        ("%device --undo", "# It swaps .*visible_devices and its copy"),
        ("%backend th --setup", r"#   python3 -m venv .*/python\n#   .* pip install .*theano=="),
        ("%backend th --setup /opt/py", r"# It uses /opt/py if .*\n#   /opt/py -m venv"),
    ],
)
def test_what_is_undone_or_set_up_is_explained_and_not_done(run, home, line, said):
    run("%backend --epsilon 1e-6")
    run("%device cpu")
    files = read_files(home)

    assert re.search(said, str(run(f"{line} --explain")), re.IGNORECASE)

    assert read_files(home) == files


def read_files(home):
    """Return the files of dl_magics that have content, without the copy of AWS's price list."""
    files = (path for path in home.rglob("*") if path.is_file() and path.name != "prices.json")
    return {path: content for path in files if (content := path.read_bytes())}
