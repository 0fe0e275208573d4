"""Images a second through VGG16 at 224 pixels, as far as they are known."""

from __future__ import annotations

from collections.abc import Mapping

Range = tuple[float, float]

GPU_SPEED: Mapping[str, Range] = {
    "K80": (30, 120),
    "M60": (40, 150),
    "T4": (120, 700),
    "L4": (250, 1200),
    "A10G": (300, 1500),
    "V100": (300, 1600),
    "L40S": (600, 3000),
    "A100": (800, 4000),
    "H100": (1200, 6000),
}
"""Of the GPU alone, from careless to well-tuned code. They are estimates."""

OTHER_GPU: Range = (100.0, 4000.0)
CPU_SPEED: Range = (0.5, 5.0)
"""Of a CPU, for each vCPU."""

DECODED_BY_THREAD: Range = (120.0, 250.0)
"""Photos that a thread reads and decodes: eight of them 2,027 a second, measured beside an H200."""

DECODERS = 8
"""The most threads that decode."""

# Other networks than VGG16 are up to ten times as fast, and some a fifth.
_OTHER_NETWORK = (0.2, 10.0)


def count_used_gpus(gpus: float, backend: str) -> float:
    """Return how many of the GPUs of an instance a run uses: with PyTorch one, else all."""
    return min(gpus, 1) if backend == "torch" else gpus


def estimate_rate(gpu: str, gpus: float, vcpus: int, *, is_vgg: bool, size: int) -> Range:
    """Return the images a second of an instance; the GPUs wait where its vCPUs decode too slowly.

    `gpu` is "" for none, `gpus` how many are used, `size` the height and width of the images.
    """
    if gpu:
        low, high = (each * gpus for each in GPU_SPEED.get(gpu, OTHER_GPU))
    else:
        low, high = (each * vcpus for each in CPU_SPEED)
    if not is_vgg:
        low, high = low * _OTHER_NETWORK[0], high * _OTHER_NETWORK[1]
    pixels = (size / 224) ** 2
    least, most = (each * min(vcpus, DECODERS) for each in DECODED_BY_THREAD)
    return min(low / pixels, least), min(high / pixels, most)
