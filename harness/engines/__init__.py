"""Engines answer requests with a model. This module imports no torch: `open_engine` does, when it is called."""

from pathlib import Path
from typing import Any, Literal, cast, get_args

from pydantic import Field

from adapters.base import Engine, Profile
from adapters.spec import Endpoint, ModelSpec
from harness.engines.endpoint import EndpointOptions
from harness.errors import AdapterError
from harness.records import Record

__all__ = ["ENGINES", "EndpointOptions", "Engine", "EngineOptions", "open_engine"]

EngineName = Literal["auto", "hf", "vllm"]
ENGINES: tuple[EngineName, ...] = get_args(EngineName)


class EngineOptions(Record):
    """How a model is run, as far as it should not change the answers."""

    profile: Profile = "tiny"
    """Which weights and which protocol: the miniature (tiny) or the published checkpoint (paper)."""
    engine: EngineName = "auto"
    """What asks the model: transformers (hf), vLLM, or (auto) vLLM where it is installed, there is a GPU and it carries
    the model, which is no miniature, else transformers."""
    device: str = "auto"
    """"auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ..."""
    dtype: str = "auto"
    """"auto" (float32 on a CPU, bfloat16 on CUDA), "float32", "bfloat16", "float16"."""
    batch_size: int | None = Field(default=None, ge=1)
    """None takes the one of the model list."""
    cards: int = Field(default=1, ge=1)
    """GPUs over which the network is spread, by vLLM alone; an executor decides it."""
    maps: Path | None = None
    """The folder of segmentation maps, for models that read them (harness/maps.py)."""
    endpoint: EndpointOptions = EndpointOptions()
    """How models behind a server are asked."""
    spending: Path | None = None
    """The file in which a run sums up what it asked of servers; None keeps no account beyond the engine."""


def open_engine(spec: ModelSpec, options: EngineOptions | None = None) -> Engine:
    """Load a model and put it behind an engine.

    Raises:
        AdapterError: the model cannot be found or loaded, or its tokenizer would change the text, or the engine that is
            asked for does not carry it.
        ConfigError: the engine that is asked for is not installed.
    """
    options = options or EngineOptions()
    if spec.endpoint is not None:
        return _open_endpoint(spec.endpoint, options)
    adapter = spec.load()
    place = (options.device, options.dtype, spec.protocol.get(options.profile, {}))
    if hasattr(adapter, "generate"):
        return cast(Engine, adapter(spec.source(options.profile), *place))
    if not hasattr(adapter, "answer"):
        raise AdapterError(f"{spec.adapter} has neither 'answer' nor 'generate': see docs/adding-a-model.md")

    from harness.engines.choice import choose
    from harness.engines.quiet import quiet

    quiet()
    on_vllm = choose(spec, options) == "vllm"
    model = adapter(spec.source(options.profile), *place, **({"network": False} if on_vllm else {}))
    if hasattr(model, "maps"):
        model.maps = options.maps
    return _on_vllm(model, options) if on_vllm else _on_transformers(model, spec, options)


def _on_vllm(model: Any, options: EngineOptions) -> Engine:
    from harness.engines.vllm import VllmEngine

    room = {"room": options.batch_size} if options.batch_size else {}
    return VllmEngine(model, **room, cards=options.cards)


def _on_transformers(model: Any, spec: ModelSpec, options: EngineOptions) -> Engine:
    if options.cards > 1:
        raise AdapterError(
            f"'{spec.name}' needs {options.cards} cards, and transformers has one here: --engine vllm spreads a model "
            "it carries, --dtype bfloat16 halves a wider one, and --set ray.cards=1 tries one card all the same"
        )
    from harness.engines.hf import HFEngine
    from harness.engines.threads import set_threads

    set_threads(getattr(model, "parameters", 0))
    return HFEngine(model, options.batch_size or spec.batch_size[options.profile])


def _open_endpoint(endpoint: Endpoint, options: EngineOptions) -> Engine:
    options.endpoint.check()
    try:
        from harness.engines.openai import OpenAIEngine
    except ModuleNotFoundError as error:
        raise AdapterError(
            f"models behind a server need the package {error.name}: pip install 'face-perception-harness[openai]'"
        ) from error
    from harness.engines.budget import Budget

    return OpenAIEngine(endpoint, options.endpoint, Budget(options.endpoint, options.spending))
