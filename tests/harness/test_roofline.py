"""The guess at a speed: in the right order between GPUs, models and questions, and linear in the requests."""

import pytest

from harness.roofline import GPUS, gpu_of, guess


@pytest.mark.parametrize(
    ("device", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("NVIDIA H100 PCIe", "H100 PCIe"),
        ("NVIDIA H200", "H200"),
        ("NVIDIA A100-SXM4-80GB", "A100-SXM4-80GB"),
        ("NVIDIA L40S", "L40S"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
    ],
)
def test_a_device_is_found_by_its_most_particular_name(device: str, name: str):
    assert gpu_of(device) == GPUS[name]


def test_an_unknown_device_has_no_data_sheet():
    assert gpu_of("AMD EPYC, 2 threads") is None


def test_more_is_longer():
    def seconds(gpu: str = "A100", parameters: float = 8.0, batch: int = 8, task: str = "attr", count: int = 100):
        return guess(GPUS[gpu], parameters, 2, batch, {task: count})

    assert seconds(count=200) == pytest.approx(2 * seconds())
    assert seconds("H100") < seconds() < seconds("T4")
    assert seconds(parameters=4) < seconds()
    assert seconds(batch=16) < seconds()
    assert seconds(task="expr") < seconds()
    assert guess(GPUS["A100"], 8, 2, 8, {}) == 0
