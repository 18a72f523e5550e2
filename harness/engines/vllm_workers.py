"""What the processes that vLLM starts for several cards are told of pictures: tensors and words, no pickle."""

# mypy: disallow-untyped-calls=False

import importlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from safetensors import safe_open
from safetensors.torch import save_file

from adapters.on_vllm import OnVllm
from harness.engines.vllm_inputs import Blank, Prepared, bring_own_inputs
from harness.engines.vllm_plugin import FOR_WORKERS

_HOMES = ("vllm.", "harness.")
"""Where a network may come from."""


@contextmanager
def for_workers(known: Blank) -> Iterator[None]:
    """While this lasts, the processes that vLLM starts bring their own inputs too (vllm_plugin.py)."""
    network, made = known.network, known.made
    words = {"network": f"{network.__module__}:{network.__name__}", "image_token": made.image_token}
    about = {"told": made.told.model_dump_json(), "words": json.dumps(words)}
    with tempfile.TemporaryDirectory(prefix="face-harness-") as folder:  # for this user's eyes only
        file = os.path.join(folder, "blank.safetensors")
        save_file({name: tensor.contiguous() for name, tensor in made.tensors.items()}, file, about)
        os.environ[FOR_WORKERS] = file
        try:
            yield
        finally:
            del os.environ[FOR_WORKERS]


def bring_inputs_of_parent() -> None:
    """In a process of vLLM's: do what the one that started it did."""
    with safe_open(os.environ[FOR_WORKERS], "pt") as file:
        about = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - it is no mapping
    words = json.loads(about["words"])
    module, _, name = words["network"].partition(":")
    assert module.startswith(_HOMES)
    network = getattr(importlib.import_module(module), name)
    told = OnVllm.model_validate_json(about["told"])
    bring_own_inputs(Blank(network, Prepared(told, words["image_token"], tensors)))
