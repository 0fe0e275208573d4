"""The formats in which the model of a run is exported, in the words of `keras.Model.export`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from dl_magics.errors import BadSetting, NotInstalled


@dataclass(frozen=True)
class Format:
    """What a format is made with and run with; packages are named as they are imported."""

    name: str
    suffix: str
    backend: str
    needs: tuple[str, ...]
    runtimes: tuple[str, ...]
    install: str
    code: str

    @property
    def is_folder(self) -> bool:
        return not self.suffix


_LOAD = "pixels = ...  # RGB, 0 to 255, float32, (images, {size}, {size}, 3)\n"
FORMATS = {
    each.name: each
    for each in (
        Format(
            name="litert",
            suffix=".tflite",
            backend="tensorflow",
            needs=("tensorflow",),
            runtimes=("ai_edge_litert", "tensorflow"),
            install="ai-edge-litert",
            code="from ai_edge_litert.interpreter import Interpreter\n"
            "model = Interpreter({path!r})\n"
            "serve = model.get_signature_runner()\n"
            "(probabilities,) = serve(**{{name: pixels for name in serve.get_input_details()}})"
            ".values()",
        ),
        Format(
            name="onnx",
            suffix=".onnx",
            backend="tensorflow",
            needs=("tensorflow", "onnx", "tf2onnx"),
            runtimes=("onnxruntime",),
            install="onnx tf2onnx onnxruntime",
            code="import onnxruntime\n"
            "model = onnxruntime.InferenceSession({path!r})\n"
            "(probabilities,) = model.run(None, {{model.get_inputs()[0].name: pixels}})",
        ),
        Format(
            name="tf_saved_model",
            suffix="",
            backend="tensorflow",
            needs=("tensorflow",),
            runtimes=("tensorflow",),
            install="tensorflow",
            code="import tensorflow as tf\n"
            "model = tf.saved_model.load({path!r})\n"
            "probabilities = model.serve(pixels).numpy()",
        ),
        Format(
            name="torch",
            suffix=".pt2",
            backend="torch",
            needs=("torch",),
            runtimes=("torch",),
            install="torch",
            code="import torch\n"
            "model = torch.export.load({path!r}).module()\n"
            "probabilities = model(torch.tensor(pixels)).detach().numpy()",
        ),
    )
}
ALIASES = {"tflite": "litert", "saved_model": "tf_saved_model", "savedmodel": "tf_saved_model"}


def find_format(name: str) -> Format:
    """Return a format by Keras' name or by an alias.

    Raises BadSetting for another name.
    """
    wanted = str(name).lower()
    known = [*FORMATS, *ALIASES]
    if found := FORMATS.get(ALIASES.get(wanted, wanted)):
        return found
    near = difflib.get_close_matches(wanted, known, 1, 0.5)
    nearest = ALIASES.get(near[0], near[0]) if near else "litert"
    raise BadSetting(
        f"A run is exported as {', '.join(FORMATS)}, got: {name!r}",
        fix=f'run.export("{nearest}")',
    )


def check_installed(wanted: Format) -> None:
    """Raise NotInstalled where a package is missing that makes the file."""
    if missing := [name for name in wanted.needs if not _is_installed(name)]:
        raise NotInstalled(
            f"An export as {wanted.name} needs {_join(missing)}, which is not installed.",
            fix=f"%pip install {wanted.install}, then the same line again",
        )


def _is_installed(name: str) -> bool:
    return find_spec(name) is not None


def _join(names: Sequence[str]) -> str:
    return " and ".join(names)


def write_code(wanted: Format, path: str, size: int) -> str:
    """Return the lines of Python that run an exported file."""
    return _LOAD.format(size=size) + wanted.code.format(path=path)
