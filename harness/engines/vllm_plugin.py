"""What vLLM loads in each of its processes, through the entry-point group `vllm.general_plugins`. Imports no torch.

Names the network of this project to vLLM, which imports it only where a configuration asks for it.
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Callable
from typing import Any

ARCHITECTURE = "FaceHarnessOwnVision"
"""What stands in a configuration's `architectures` where vLLM is to take the network of vllm_network.py."""


def register() -> None:
    """Make the network known; harmless when repeated."""
    from vllm import ModelRegistry

    if ARCHITECTURE not in ModelRegistry.models:
        ModelRegistry.register_model(ARCHITECTURE, "harness.engines.vllm_network:OwnVisionForVllm")


def overridden(adapted: Callable[[Any], Any], config: Any) -> Any:
    """A checkpoint's configuration as the adapter has it for vLLM, and the name of our network in it."""
    config = adapted(config)
    config.architectures = [ARCHITECTURE]
    return config
