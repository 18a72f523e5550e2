"""A guess at a model's speed on a GPU where nobody has measured it: within a factor of two or three, no better.

Assumed, all of it unmeasured:

* A question costs 2 FLOP per parameter and prompt token, done at 40 % of the GPU's dense 16-bit peak.
* A new token of the whole batch costs one reading of all weights at half of the memory's peak bandwidth, and never less
  than 30 ms, which is what transformers' Python takes for a step of 30 layers.
* A prompt has 1,500 tokens, most of them of the image; a description has 150 new tokens, a single label 12.
* Pictures are prepared by other threads meanwhile, and the batch stays at the model list's size.
"""

from collections.abc import Mapping
from typing import NamedTuple

PROMPT_TOKENS = 1500
NEW_TOKENS = {"attr": 150}
LABEL_TOKENS = 12
_PEAK, _BANDWIDTH, _STEP = 0.4, 0.5, 0.03


class Gpu(NamedTuple):
    """Data sheet: dense 16-bit tera-operations a second, and gigabytes a second from memory."""

    teraflops: float
    bandwidth: float


# The first name that the device's own contains is taken, so the particular ones stand before the general.
GPUS = {
    "B200": Gpu(2250, 8000),
    "H200": Gpu(989, 4800),
    "H100 PCIe": Gpu(756, 2000),
    "H100 NVL": Gpu(835, 3900),
    "H100": Gpu(989, 3350),
    "A100-SXM4-80GB": Gpu(312, 2039),
    "A100 80GB": Gpu(312, 1935),
    "A100": Gpu(312, 1555),
    "L40S": Gpu(362, 864),
    "L40": Gpu(181, 864),
    "RTX 6000 Ada": Gpu(364, 960),
    "A6000": Gpu(155, 768),
    "A40": Gpu(150, 696),
    "A10": Gpu(125, 600),
    "L4": Gpu(121, 300),
    "RTX 5090": Gpu(210, 1792),
    "RTX 4090": Gpu(165, 1008),
    "RTX 3090": Gpu(71, 936),
    "V100": Gpu(125, 900),
    "T4": Gpu(65, 320),
}


def gpu_of(device: str) -> Gpu | None:
    """The data sheet of a device, where it is one of the known ones."""
    return next((sheet for name, sheet in GPUS.items() if name in device), None)


def guess(gpu: Gpu, parameters: float, width: int, batch: int, requests: Mapping[str, int]) -> float:
    """Seconds for these requests.

    Args:
        gpu: the data sheet.
        parameters: billions.
        width: bytes of a weight.
        batch: requests at once.
        requests: kind of question -> how many.
    """
    prompt = 2 * parameters * 1e9 * PROMPT_TOKENS / (gpu.teraflops * 1e12 * _PEAK)
    step = max(parameters * width / (gpu.bandwidth * _BANDWIDTH), _STEP)
    return sum(count * (prompt + NEW_TOKENS.get(task, LABEL_TOKENS) * step / batch) for task, count in requests.items())
