"""Which engine asks a model, where the user leaves it open."""

from importlib.util import find_spec
from typing import Literal, cast

import torch

from adapters.spec import ModelSpec
from harness.engines import EngineOptions
from harness.errors import AdapterError, ConfigError


def choose(spec: ModelSpec, options: EngineOptions) -> Literal["hf", "vllm"]:
    """What is asked for, or for "auto" vLLM where it is installed, may use a GPU and carries the model.

    Transformers has answered for a miniature, or on a CPU, before vLLM has started; and vLLM takes the first card
    it sees, so one that is named by number is left to transformers.

    Raises:
        AdapterError: vLLM is asked for and does not carry this model, or not under this protocol.
        ConfigError: vLLM is asked for and not installed.
    """
    installed = find_spec("vllm") is not None
    if options.engine == "auto":
        gpu = options.device in ("auto", "cuda") and torch.cuda.is_available()
        miniature = options.profile == "tiny" and spec.checkpoint is None
        return "vllm" if installed and gpu and not miniature and not _obstacle(spec, options) else "hf"
    if options.engine != "vllm":
        return "hf"
    if not installed:
        raise ConfigError(
            "engine = vllm, but vLLM is not installed here: `pip install -e .[vllm]` (it wants a GPU; `make test-vllm` "
            "builds an environment for a CPU), or leave it out and transformers answers."
        )
    if obstacle := _obstacle(spec, options):
        raise AdapterError(f"{obstacle}, or leave `--engine vllm` out for it")
    return "vllm"


def _obstacle(spec: ModelSpec, options: EngineOptions) -> str:
    """Why vLLM does not answer for a model; empty where it does."""
    if "vllm" not in spec.engines:
        return f"vLLM does not carry '{spec.name}', only {' and '.join(spec.engines)}: choose another model"
    protocol = spec.protocol.get(options.profile, {})
    return cast(str, spec.load().not_on_vllm(spec.source(options.profile), protocol))
