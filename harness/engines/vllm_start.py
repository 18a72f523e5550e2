"""Starting vLLM in this process, with nothing left to its defaults that could change an answer."""

# mypy: disallow-untyped-calls=False

import gc
import logging
import os
import weakref
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from adapters.hf import ChatModel
from harness.engines.vllm_plugin import overridden, register
from harness.errors import AdapterError

if TYPE_CHECKING:
    from harness.engines.vllm_inputs import Blank

_CPU_CACHE = 2 << 30
"""Bytes for keys and values on a CPU; VLLM_CPU_KVCACHE_SPACE (GiB) overrides it. On a GPU vLLM takes what is left."""

_running: "list[weakref.ref[Any]]" = []
"""The engine of this process that answers, if any."""


def start(model: ChatModel, room: int, cards: int = 1) -> Any:
    """vLLM's engine on an adapter's checkpoint, for `room` requests at once, spread over so many cards.

    The one started before it in this process is ended: it answers no more, and its memory is free.

    Raises:
        AdapterError: vLLM does not start, with its reason.
    """
    _settle_environment()
    try:
        return _start(model, room, cards)
    except AdapterError:
        raise
    except Exception as error:  # whatever vLLM meets: no memory, an unknown network, weights that do not fit
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise AdapterError(
            f"vLLM cannot start on {model.source}: {type(error).__name__}: {reason} "
            "`--engine hf` answers with transformers instead."
        ) from error


def _start(model: ChatModel, room: int, cards: int) -> Any:
    from vllm.engine.arg_utils import EngineArgs
    from vllm.platforms import current_platform
    from vllm.v1.engine.llm_engine import LLMEngine

    from harness.engines.vllm_workers import for_workers

    place = current_platform.device_type
    if model.device.type != place or model.device.index:
        raise AdapterError(
            f"this vLLM runs on {place}, not on {model.device}: choose `--device {place}`, the card with "
            "CUDA_VISIBLE_DEVICES, or `--engine hf`"
        )
    assert model.on_vllm is not None
    arguments = EngineArgs(
        model=model.source,
        dtype=str(model.dtype).removeprefix("torch."),
        max_model_len=model.on_vllm.longest,
        max_num_seqs=room,
        tensor_parallel_size=cards,
        # Processes of this machine: in an actor of Ray, vLLM would start actors of its own, for which no card is left.
        distributed_executor_backend="mp" if cards > 1 else None,
        skip_tokenizer_init=True,  # prompts come as ids, and the adapter reads the answers
        generation_config="vllm",  # published ones hold penalties and temperatures of their own
        limit_mm_per_prompt={"image": 1},
        hf_overrides=partial(overridden, model.vllm_config) if model.on_vllm.own_vision else model.vllm_config,
        mm_device_do_normalize=False,  # pixels come normalised
        mm_processor_cache_gb=0,  # there is no processor; what the network made of a picture is kept all the same
        enable_prefix_caching=True,
        disable_log_stats=True,
        seed=0,
        use_tqdm_on_load=False,
        **({"enforce_eager": True, "kv_cache_memory_bytes": _CPU_CACHE} if place == "cpu" else {}),
    )
    config, known = _configured(model, arguments)
    _end_running()
    with for_workers(known) if config.parallel_config.world_size > 1 else nullcontext():
        engine = LLMEngine.from_vllm_config(config, disable_log_stats=True)
    _running.append(weakref.ref(engine))
    return engine


def _end_running() -> None:
    """End the vLLM that answered before.

    Left to the garbage collector, it would end at any later time, and take with it the groups of processes, which all
    engines of this process share, in the middle of the next one's work.
    """
    while _running:
        engine = _running.pop()()
        if engine is not None:
            engine.engine_core.shutdown()
    gc.collect()  # what one left behind whose start failed, or a model of transformers on the card


def _configured(model: ChatModel, arguments: Any) -> tuple[Any, "Blank"]:
    """vLLM's configuration, and what stands in for the processor of the network that it names."""
    from vllm.model_executor.model_loader import get_model_architecture

    from harness.engines.vllm_inputs import blank, bring_own_inputs

    assert model.on_vllm is not None
    if model.on_vllm.own_vision:  # vLLM takes a network without a processor for one that sees no pictures
        from harness.engines.vllm_network import OwnVisionForVllm

        register()
        known = blank(model, OwnVisionForVllm)
        bring_own_inputs(known)
        return arguments.create_engine_config(), known
    config = arguments.create_engine_config()
    known = blank(model, get_model_architecture(config.model_config)[0])
    bring_own_inputs(known)
    return config, known


def _settle_environment() -> None:
    """vLLM reads these when it is imported. The user's own values win, but it stays in the adapter's process."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if not logging.getLogger("harness").isEnabledFor(logging.DEBUG):
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
