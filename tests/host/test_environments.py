from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.host import environments
from dl_magics.host.info import Gpu, HostInfo, Interpreter
from dl_magics.ssh import blocking

ALL = {"ipykernel": "7.0", "pyzmq": "27.0", "keras": "3.11.0", "tensorflow": "2.20.0"}
T4 = (Gpu("Tesla T4", 15360, 7.5),)


def python(name, kind="venv", version="3.12.1", packages=ALL, cuda="", **more):
    builds = {"tensorflow": cuda} if "tensorflow" in packages else {}
    return Interpreter(
        path=f"/{name}/bin/python",
        prefix=f"/{name}",
        kind=kind,
        name=name,
        python=version,
        packages=dict(packages),
        **{"builds": builds, **more},
    )


def host_with(*interpreters, **more):
    return HostInfo(name="gpu", interpreters=interpreters, **more)


def test_an_interpreter_with_ipykernel_keras_and_a_backend_is_chosen():
    bare = python("system", "system", packages={})
    kernel_only = python("notebooks", packages={"ipykernel": "7.0"})

    assert (
        environments.choose_interpreter(host_with(bare, kernel_only, python("keras"))).name
        == "keras"
    )


def test_a_gpu_build_is_preferred_to_a_newer_keras_on_a_gpu():
    newer = python("newer", packages={**ALL, "keras": "3.15.0"})
    right = python("right", cuda="12.5.1")

    assert environments.choose_interpreter(host_with(newer, right, gpus=T4)).name == "right"
    assert environments.choose_interpreter(host_with(newer, right)).name == "newer"


def test_the_configured_backend_of_the_host_is_preferred():
    torch = python(
        "torch",
        packages={"ipykernel": "7", "keras": "3.9", "torch": "2.7"},
        builds={"torch": "12.6"},
    )
    tensorflow = python("tensorflow", cuda="12.5")

    chosen = environments.choose_interpreter(
        host_with(torch, tensorflow, gpus=T4, keras_backend="torch")
    )

    assert chosen.name == "torch"


def test_the_newest_python_is_chosen_among_equals():
    assert (
        environments.choose_interpreter(host_with(python("a"), python("b", version="3.13.0"))).name
        == "b"
    )


def test_an_environment_is_found_by_name_prefix_or_path():
    kernel_only = python("notebooks", packages={"ipykernel": "7.0"})
    host = host_with(kernel_only, python("keras"))

    for word in ("notebooks", "/notebooks", "/notebooks/", "/notebooks/bin/python"):
        assert environments.choose_interpreter(host, word) is kernel_only


def test_an_unknown_name_is_refused_with_the_known_names():
    with pytest.raises(errors.BadSetting, match="no environment named 'kears'") as refused:
        environments.choose_interpreter(
            host_with(python("keras"), python("fastai", "conda")), "kears"
        )

    assert refused.value.fix == "Environments on the host: keras, fastai"


def test_an_environment_without_ipykernel_is_refused_with_the_install_command():
    with pytest.raises(errors.NotInstalled) as refused:
        environments.choose_interpreter(host_with(python("bare", packages={})), "bare")

    assert refused.value.fix == "Install it: /bare/bin/python -m pip install ipykernel"


def test_a_python_that_is_too_old_is_refused():
    with pytest.raises(errors.NotInstalled, match=r"Python 2\.7\.18; a kernel needs 3\.8"):
        environments.choose_interpreter(host_with(python("old", version="2.7.18")), "old")


def test_without_a_suitable_python_the_setup_command_is_shown():
    with pytest.raises(errors.NotInstalled, match="No Python on gpu has ipykernel") as refused:
        environments.choose_interpreter(host_with(python("system", "system", packages={}), gpus=T4))

    assert refused.value.fix == (
        "Create an environment with %gpu_connect --setup: /system/bin/python -m venv "
        "~/.venvs/dl_magics && "
        "~/.venvs/dl_magics/bin/python -m pip install "
        "ipykernel keras 'tensorflow[and-cuda]' pillow simplejpeg numpy matplotlib boto3"
    )


def test_cuda_is_not_installed_without_a_gpu():
    line = environments.install_command(host_with(python("system", "system", packages={})))

    assert " tensorflow pillow" in line


def test_python3_venv_is_installed_first_on_debian():
    line = environments.install_command(host_with(python("s", "system", can_create_venv=False)))

    assert line.startswith("sudo apt-get install -y python3-venv && /s/bin/python -m venv ")


def test_uv_installs_a_python_if_there_is_none():
    with pytest.raises(errors.NotInstalled, match="No Python on gpu was found"):
        environments.choose_interpreter(host_with())

    line = environments.install_command(host_with(python("old", version="3.6.9")))

    assert line.startswith("curl -LsSf https://astral.sh/uv/install.sh | sh && ~/.local/bin/uv ")
    assert "curl" not in environments.install_command(host_with(uv="uv"))


def test_the_setup_yields_its_output(host):
    uv = _uv(host, 'echo "uv $1"')

    output = _set_up(host, uv)

    assert output[0] == environments.install_command(HostInfo(name="gpu", uv=uv))
    assert output[1:] == ["uv venv", "uv pip"]


def test_a_failed_setup_is_reported_with_its_command(host):
    uv = _uv(host, "echo No space left on device >&2; exit 28")

    with pytest.raises(errors.CommandFailed, match=r"status 28\): No space left") as refused:
        _set_up(host, uv)

    assert uv in refused.value.fix


def _set_up(host, uv):
    """Return the output of the setup with this uv."""
    work = environments.set_up_environment(host.login, HostInfo(name="gpu", uv=uv))
    return list(blocking.iterate_over(work))


def _uv(host, does):
    file = host.home / "uv"
    file.write_text(f"#!/bin/sh\n{does}\n")
    file.chmod(0o755)
    return str(file)
