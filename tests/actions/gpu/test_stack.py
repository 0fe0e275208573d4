from __future__ import annotations

from dataclasses import replace

import pytest

from dl_magics.actions.gpu.stack import Stack, inspect_stack, judge_layers
from dl_magics.host.device_probe import FrameworkDevices
from dl_magics.host.info import Gpu, HostInfo, Interpreter

WEIGHTS = "vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5"
HOST = HostInfo(
    name="gpu", gpus=(Gpu("Tesla T4", 15360, 7.5),), driver="570.86.15", weights=(WEIGHTS,)
)
PYTHON = Interpreter(
    path="/k/bin/python",
    prefix="/k",
    kind="venv",
    name="keras",
    python="3.12.1",
    packages={
        "ipykernel": "7.0",
        "keras": "3.15.0",
        "tensorflow": "2.20.0",
        "nvidia-cudnn-cu12": "9.3.0",
        "nvidia-cuda-runtime-cu12": "12.5.82",
    },
    builds={"tensorflow": "12.5.1"},
    capabilities=(6.0, 9.0),
)
SEEN = FrameworkDevices("3.15.0", "tensorflow", ("/physical_device:GPU:0",))
NAMES = ["VGG16 weights", "Keras", "backend", "cuDNN", "CUDA", "driver", "GPU"]


def marks(host=HOST, python=PYTHON, seen=SEEN):
    layers = judge_layers(host, python, seen)
    assert [layer.name for layer in layers] == NAMES
    return "".join(layer.mark for layer in layers), {layer.name: layer for layer in layers}


def without(*names, **more):
    kept = {name: each for name, each in PYTHON.packages.items() if name not in names}
    return replace(PYTHON, packages=kept, **more)


def test_a_working_stack_has_only_check_marks():
    assert marks()[0] == "✓✓✓✓✓✓✓"
    assert Stack("gpu", tuple(judge_layers(HOST, PYTHON, SEEN))).verdict == ""


def test_a_gpu_invisible_to_the_framework_is_emphasized():
    shown, layers = marks(seen=FrameworkDevices("3.15.0", "tensorflow"))

    assert shown == "✓✓✓✓✓✓✗"
    assert "TENSORFLOW DOES NOT SEE IT" in layers["GPU"].found
    stack = Stack("gpu: keras", tuple(layers.values()))
    assert repr(stack).splitlines()[1].startswith("✗ Tesla T4 (15 GB), but TENSORFLOW DOES NOT")
    assert "DOES NOT SEE IT" in stack._repr_html_()


def test_on_a_host_without_a_gpu_nothing_is_marked_to_be_done():
    host = HostInfo(name="t2")
    python = without("nvidia-cudnn-cu12", "nvidia-cuda-runtime-cu12")

    shown, layers = marks(host, python, FrameworkDevices("3.15.0", "tensorflow"))

    assert shown == "–✓✓––––"
    assert "%aws_resize" in layers["GPU"].fix


def test_a_driver_too_old_for_cuda_is_reported():
    shown, layers = marks(
        replace(HOST, driver="470.256.02"), seen=FrameworkDevices("3.15.0", "tensorflow")
    )

    assert shown == "✓✓✓✓✓✗✗"
    assert "older than CUDA 12.5.1 of tensorflow needs (525.60.13)" in layers["driver"].found


def test_a_failing_driver_and_a_missing_driver_are_reported():
    broken = replace(HOST, gpus=(), pci_gpus=1, driver="", driver_error="couldn't communicate")
    missing = replace(broken, driver_error="")

    assert (
        "couldn't communicate"
        in marks(broken, seen=FrameworkDevices("3", "tensorflow"))[1]["driver"].found
    )
    shown, layers = marks(missing, seen=FrameworkDevices("3.15.0", "tensorflow"))
    assert layers["driver"].fix.startswith("sudo apt-get install")
    assert shown.endswith("✗✗")


def test_a_cpu_only_build_on_a_gpu_host_gets_its_fix():
    python = without("nvidia-cudnn-cu12", "nvidia-cuda-runtime-cu12", builds={"tensorflow": ""})

    shown, layers = marks(python=python, seen=FrameworkDevices("3.15.0", "tensorflow"))

    assert shown == "✓✓✗✗✗✓✗"
    assert layers["backend"].fix.endswith("--force-reinstall 'tensorflow[and-cuda]'")


@pytest.mark.parametrize(("backend", "cuda"), [("torch", "12.6"), ("jax", "12")])
def test_torch_and_jax_bring_their_own_libraries(backend, cuda):
    packages = {"ipykernel": "7", "keras": "3.15.0", backend: "2.8.0"}
    python = replace(PYTHON, packages=packages, builds={backend: cuda})

    assert (
        marks(python=python, seen=FrameworkDevices("3.15.0", backend, ("Tesla T4",)))[0]
        == "✓✓✓✓✓✓✓"
    )
    cpu = replace(python, builds={backend: ""})
    shown, layers = marks(python=cpu, seen=FrameworkDevices("3.15.0", backend))
    assert shown[2] == "✗"
    assert "cu" in layers["backend"].fix


def test_keras_2_is_too_old():
    shown, layers = marks(seen=FrameworkDevices("2.15.0", "tensorflow", ("GPU:0",)))

    assert shown == "✓✗✓✓✓✓✓"
    assert layers["Keras"].fix == "/k/bin/python -m pip install --upgrade keras"


def test_keras_below_3_15_is_marked_with_its_fix():
    shown, layers = marks(seen=FrameworkDevices("3.14.1", "tensorflow", ("GPU:0",)))

    assert shown == "✓!✓✓✓✓✓"
    assert layers["Keras"].fix == "/k/bin/python -m pip install --upgrade 'keras>=3.15'"
    assert Stack("gpu", tuple(layers.values())).verdict == ""


def test_keras_below_3_15_on_an_old_python_needs_another_environment():
    seen = FrameworkDevices("3.10.0", "tensorflow", ("GPU:0",))

    _, layers = marks(python=replace(PYTHON, python="3.10.12"), seen=seen)

    assert layers["Keras"].mark == "!"
    assert layers["Keras"].fix.startswith("%gpu_connect --setup")


def test_a_failed_import_of_keras_shows_the_error():
    shown, layers = marks(seen=FrameworkDevices(error="ImportError: numpy.core.multiarray failed"))

    assert shown[1] == "✗"
    assert "numpy.core.multiarray" in layers["Keras"].found


def test_missing_keras_and_backend_are_reported():
    assert marks(python=without("keras"), seen=FrameworkDevices(error="No module"))[0][1] == "✗"
    _, layers = marks(
        python=without("tensorflow", builds={}), seen=FrameworkDevices(error="No module")
    )
    assert layers["backend"].fix == "/k/bin/python -m pip install 'tensorflow[and-cuda]'"


def test_a_backend_that_fails_is_reported():
    _, layers = marks(
        seen=FrameworkDevices("3.15.0", "tensorflow", (), "RuntimeError: CUDA is upset")
    )

    assert "CUDA is upset" in layers["backend"].found


def test_a_gpu_of_2014_is_too_old_for_todays_tensorflow():
    host = replace(HOST, gpus=(Gpu("Tesla K80", 11441, 3.7),))

    _, layers = marks(host, seen=FrameworkDevices("3.15.0", "tensorflow"))

    assert "too old for this tensorflow: it has 3.7, 6.0 is needed" in layers["GPU"].found


def test_a_partly_visible_set_of_gpus_is_a_warning():
    host = replace(HOST, gpus=HOST.gpus * 2)

    assert "SEES ONLY 1 of 2" in marks(host)[1]["GPU"].found


def test_a_run_uses_all_gpus_but_with_pytorch():
    host = replace(HOST, gpus=HOST.gpus * 4)
    names = ("Tesla T4",) * 4

    used = marks(host, seen=FrameworkDevices("3.15.0", "tensorflow", names))[1]["GPU"]
    idle = marks(host, seen=FrameworkDevices("3.15.0", "torch", names))[1]["GPU"]

    assert used.mark == "✓"
    assert used.found == "4 × Tesla T4 (15 GB), and tensorflow sees all 4: a run uses them"
    assert (idle.mark, idle.fix) == ("!", "To use all: %backend jax · or: %backend tf")
    assert idle.found == "4 × Tesla T4 (15 GB): a run uses one, as Keras does with PyTorch"


def test_libraries_that_conda_may_have_under_another_name_are_not_asked_for():
    python = without("nvidia-cudnn-cu12", "nvidia-cuda-runtime-cu12", kind="conda")

    assert marks(python=python)[0] == "✓✓✓––✓✓"


def test_the_practice_cloud_says_that_its_gpu_is_a_name_only(host):
    python = replace(PYTHON, path=f"{host.home}/.venvs/keras/bin/python", builds={})
    (host.home / ".keras").mkdir()
    (host.home / ".keras" / "keras.json").write_text('{"backend": "torch"}')
    kept = host.home / ".dl_magics" / "weights" / "vgg16_imagenet_convolutions.weights.h5"
    kept.parent.mkdir(parents=True)
    kept.touch()

    shown = inspect_stack(host.login, python.path)

    layers = {layer.name: layer for layer in shown.layers}
    assert layers["GPU"].found == ("practice GPU: Keras can't see it; runs use this computer's CPU")
    assert {layer.mark for layer in shown.layers} <= {"✓", "–"}
    assert not any(layer.fix for layer in shown.layers)
    assert layers["VGG16 weights"].found == kept.name
