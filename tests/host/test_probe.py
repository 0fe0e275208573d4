from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.host.probe import probe_host
from dl_magics.ssh import blocking


def test_an_environment_outside_of_path_is_found(host):
    found = blocking.wait_for(probe_host(host.login))

    (ours,) = [each for each in found.interpreters if each.name == "keras"]
    assert (ours.kind, ours.prefix) == ("venv", f"{host.home}/.venvs/keras")
    assert ours.can_run_kernels
    assert ours.can_train
    assert ours.packages.keys() >= {"keras", "tensorflow", "ipykernel", "pyzmq", "numpy", "pillow"}


def test_the_gpu_the_disk_and_the_memory_are_found(host):
    found = blocking.wait_for(probe_host(host.login))

    assert [(gpu.name, gpu.memory_mib) for gpu in found.gpus] == [("Tesla T4", 15360)]
    assert found.driver == "570.86.15"
    assert found.home == str(host.home)
    assert min(found.disk_free_bytes, found.ram_bytes, found.cores) > 0
    assert found.sudo
    assert "Tesla T4 (15 GB)" in repr(found)
    assert ">keras</td>" in found._repr_html_()


@pytest.mark.parametrize(
    "start_file",
    ["echo welcome; echo python 4", "sleep 60", "exit 7", "exec false", "set -u; echo $NOTHING"],
)
def test_the_probe_survives_any_start_file(host, start_file):
    for name in (".bashrc", ".profile"):
        (host.home / name).write_text(f"{start_file}\n")

    found = blocking.wait_for(probe_host(host.login))

    assert "keras" in [each.name for each in found.interpreters]


def test_a_shell_that_exits_early_is_reported(host):
    bash = host.folder / "bin" / "sh"
    bash.write_text("#!/bin/bash\necho no shells here >&2; exit 3\n")
    bash.chmod(0o755)

    try:
        with pytest.raises(errors.NoAnswer, match=r"\(exit status 3\): no shells here"):
            blocking.wait_for(probe_host(host.login))
    finally:
        bash.unlink()


def test_a_conda_environment_has_its_activation_command(host):
    root = host.home / "miniconda3"
    for prefix in (root, root / "envs" / "fastai"):
        (prefix / "conda-meta").mkdir(parents=True)
        (prefix / "bin").mkdir()
        # A script, not a link: Python derives its prefix from the path of the binary.
        (prefix / "bin" / "python").write_text(_fake_python(prefix))
        (prefix / "bin" / "python").chmod(0o755)
    (root / "etc" / "profile.d").mkdir(parents=True)
    (root / "etc" / "profile.d" / "conda.sh").write_text("")

    found = {each.name: each for each in blocking.wait_for(probe_host(host.login)).interpreters}

    assert found["base"].kind == found["fastai"].kind == "conda"
    conda = f". {root}/etc/profile.d/conda.sh && conda activate "
    assert found["fastai"].activation == f"{conda}{root}/envs/fastai"


def _fake_python(prefix):
    """Return a script that runs Python with another prefix, as in a conda environment."""
    import sys

    return (
        f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.prefix, sys.executable = '
        f"'{prefix}', '{prefix}/bin/python'; sys.path.insert(0, ''); "
        'exec(open(sys.argv[1]).read())" "$@"\n'
    )
