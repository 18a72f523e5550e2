"""Which engine asks a model, where the user leaves it open."""

from importlib.util import find_spec
from typing import Literal

import torch

from adapters.registry import ModelSpec
from harness.engines import EngineOptions
from harness.errors import AdapterError, ConfigError


def choose(spec: ModelSpec, options: EngineOptions) -> Literal["hf", "vllm"]:
    """What is asked for, or for "auto" vLLM where it is installed, may use a GPU and carries the model.

    Transformers has answered for a miniature, or on a CPU, before vLLM has started; and vLLM takes the first card
    it sees, so one that is named by number is left to transformers.

    Raises:
        AdapterError: vLLM is asked for and has no network for this model.
        ConfigError: vLLM is asked for and not installed.
    """
    carried, installed = "vllm" in spec.engines, find_spec("vllm") is not None
    if options.engine == "auto":
        gpu = options.device in ("auto", "cuda") and torch.cuda.is_available()
        miniature = options.profile == "tiny" and spec.checkpoint is None
        return "vllm" if carried and installed and gpu and not miniature else "hf"
    if options.engine != "vllm":
        return "hf"
    if not installed:
        raise ConfigError(
            "engine = vllm, but vLLM is not installed here: `pip install -e .[vllm]` (it wants a GPU; `make test-vllm` "
            "builds an environment for a CPU), or leave it out and transformers answers."
        )
    if not carried:
        raise AdapterError(
            f"vLLM does not carry '{spec.name}', only {' and '.join(spec.engines)}: leave `--engine vllm` out for it"
        )
    return "vllm"
