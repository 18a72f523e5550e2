"""What vLLM loads in each of its processes, through the entry-point group `vllm.general_plugins`.

Names the network of this project to vLLM, which imports it only where a configuration asks for it. Imports
neither vLLM nor torch before it is called.
"""

# mypy: disallow-untyped-calls=False

import os
from collections.abc import Callable
from typing import Any

ARCHITECTURE = "FaceHarnessOwnVision"
"""What stands in a configuration's `architectures` where vLLM is to take the network of vllm_network.py."""

FOR_WORKERS = "FACE_HARNESS_VLLM_INPUTS"
"""The variable that names the file in which a process of vLLM's finds what its parent knows of pictures."""


def register() -> None:
    """Make the network known, and in a process that another one of ours started, its pictures; may be repeated."""
    from vllm import ModelRegistry

    if ARCHITECTURE not in ModelRegistry.models:
        ModelRegistry.register_model(ARCHITECTURE, "harness.engines.vllm_network:OwnVisionForVllm")
    if FOR_WORKERS in os.environ:
        from harness.engines.vllm_workers import bring_inputs_of_parent

        bring_inputs_of_parent()


def overridden(adapted: Callable[[Any], Any], config: Any) -> Any:
    """A checkpoint's configuration as the adapter has it for vLLM, and the name of our network in it."""
    config = adapted(config)
    config.architectures = [ARCHITECTURE]
    return config
