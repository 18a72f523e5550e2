"""How much memory a model takes, as far as it can be known before it is loaded."""

from pathlib import Path

from adapters.spec import ModelSpec
from harness.checkpoints import parameters_in
from harness.devices import Device
from harness.engines import EngineOptions

ALLOWANCE_GB = 2.0
"""Beside the weights: the driver's own share, and activations and keys and values of one request. A batch that does not
fit is halved by the engine, so less than that alone makes a model impossible."""


def parameters(spec: ModelSpec, options: EngineOptions) -> float | None:
    """Billions: of the folder where the checkpoint is one, else what the model list says."""
    source = spec.source(options.profile)
    counted = parameters_in(Path(source)) if source and Path(source).is_dir() else None
    return counted if counted is not None or options.profile == "tiny" else spec.parameters


def width(dtype: str, device: Device) -> int:
    """Bytes of a weight."""
    return 4 if dtype == "float32" or (dtype == "auto" and device.kind == "cpu") else 2


def weights_gb(spec: ModelSpec, options: EngineOptions, device: Device) -> float | None:
    """Gigabytes of the weights alone; None where nobody knows how many there are."""
    counted = parameters(spec, options)
    return None if counted is None else counted * width(options.dtype, device)
