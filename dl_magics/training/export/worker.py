"""Export a model and run the exported file: `python -m dl_magics.training.export.worker FOLDER`.

A process of its own, as the format decides which backend Keras has. It reads `request.json` and
`pixels.npy` in FOLDER, and writes the exported file and `answer.json` into it.
"""

from __future__ import annotations

import json
import re
import sys
import zipfile
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from dl_magics.training.backbones import hub

REQUEST, PIXELS, ANSWER = "request.json", "pixels.npy", "answer.json"
_LABELS, _CLASSES = "labels.txt", "classes.json"
_MOST_IMAGES = 4096
# What TensorFlow adds to the names of the operations that only its Flex delegate has.
_FLEX = re.compile(rb"\bFlex[A-Z]\w+")
_LONGEST_ERROR = 300


def export_litert(model: Any, path: Path, classes: Sequence[str]) -> str:
    """Write a `.tflite` file; return what it needs beside the built-in operations, or ""."""
    model.export(path, format="litert", verbose=False)
    flex = sorted({name.decode() for name in _FLEX.findall(path.read_bytes())})
    # As TensorFlow Lite's metadata has it: an archive behind the model, which its readers skip.
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(_LABELS, "\n".join(classes))
    return f"needs the Flex delegate of TensorFlow for {', '.join(flex)}" if flex else ""


def export_onnx(model: Any, path: Path, classes: Sequence[str]) -> str:
    """Write an `.onnx` file with the class names in its metadata."""
    import onnx

    model.export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    onnx.helper.set_model_props(written, {"classes": _write_classes(classes)})
    onnx.save(written, path)
    return ""


def export_saved_model(model: Any, path: Path, classes: Sequence[str]) -> str:
    """Write the folder of a SavedModel, with the class names in `assets.extra`."""
    model.export(path, format="tf_saved_model", verbose=False)
    extra = path / "assets.extra"
    extra.mkdir()
    (extra / _CLASSES).write_text(_write_classes(classes), "utf-8")
    return ""


def export_torch(model: Any, path: Path, classes: Sequence[str]) -> str:
    """Write a `.pt2` file of any number of images, with the class names as an extra file."""
    import torch

    batch = torch.export.Dim("images", min=1, max=_MOST_IMAGES)
    model.export(path, format="torch", verbose=False, dynamic_shapes={0: batch})
    program = torch.export.load(path)
    torch.export.save(program, path, extra_files={_CLASSES: _write_classes(classes)})
    return ""


def run_litert(path: Path, pixels: Any) -> tuple[Any, str]:
    """Return the probabilities that a `.tflite` file computes, and what ran it."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError:
        import tensorflow as tf

        Interpreter = tf.lite.Interpreter  # noqa: N806 - a class
        ran = f"TensorFlow Lite {metadata.version('tensorflow')}"
    else:
        ran = f"LiteRT {metadata.version('ai-edge-litert')}"
    model = Interpreter(model_path=str(path))
    (image,) = model.get_input_details()
    model.resize_tensor_input(image["index"], pixels.shape)
    model.allocate_tensors()
    model.set_tensor(image["index"], pixels)
    model.invoke()
    return model.get_tensor(model.get_output_details()[0]["index"]), ran


def run_onnx(path: Path, pixels: Any) -> tuple[Any, str]:
    """Return the probabilities that an `.onnx` file computes, and what ran it."""
    import onnxruntime

    model = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probabilities,) = model.run(None, {model.get_inputs()[0].name: pixels})
    return probabilities, f"ONNX Runtime {metadata.version('onnxruntime')}"


def run_saved_model(path: Path, pixels: Any) -> tuple[Any, str]:
    """Return the probabilities that a SavedModel computes, and what ran it."""
    import tensorflow as tf

    model = tf.saved_model.load(path)
    return model.serve(pixels).numpy(), f"TensorFlow {metadata.version('tensorflow')}"


def run_torch(path: Path, pixels: Any) -> tuple[Any, str]:
    """Return the probabilities that a `.pt2` file computes, and what ran it."""
    import torch

    model = torch.export.load(path).module()
    with torch.no_grad():
        probabilities = model(torch.tensor(pixels)).numpy()
    return probabilities, f"PyTorch {metadata.version('torch')}"


Export = Callable[[Any, Path, Sequence[str]], str]
RunFile = Callable[[Path, Any], tuple[Any, str]]
WORK: dict[str, tuple[Export, RunFile]] = {
    "litert": (export_litert, run_litert),
    "onnx": (export_onnx, run_onnx),
    "tf_saved_model": (export_saved_model, run_saved_model),
    "torch": (export_torch, run_torch),
}


def answer_request(folder: Path) -> None:
    """Write the file that is asked for, and `answer.json`."""
    import numpy as np

    request = json.loads((folder / REQUEST).read_text("utf-8"))
    export, run = WORK[request["format"]]
    path = folder / request["file"]
    answer: dict[str, Any] = {"failed": "", "probabilities": None, "ran": "", "needs": ""}
    try:
        import keras

        hub.import_for(Path(request["model"]))
        model = keras.saving.load_model(request["model"], compile=False, safe_mode=True)
        answer["needs"] = export(model, path, request["classes"])
        if request["runs"]:
            probabilities, answer["ran"] = run(path, np.load(folder / PIXELS))
            answer["probabilities"] = np.asarray(probabilities, dtype=float).tolist()
    except Exception as error:
        # Keras, its backends and the converters may raise anything; the error is the answer.
        lines = str(error).strip().splitlines() or [type(error).__name__]
        answer["failed"] = lines[-1][:_LONGEST_ERROR]
    (folder / ANSWER).write_text(json.dumps(answer), "utf-8")


def _write_classes(classes: Sequence[str]) -> str:
    return json.dumps(list(classes), ensure_ascii=False)


if __name__ == "__main__":
    answer_request(Path(sys.argv[1]))
