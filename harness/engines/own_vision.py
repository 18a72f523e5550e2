"""A model of transformers without its language model, and its checkpoint shared out between the two.

Knows no vLLM: vllm_network.py puts a language model of vLLM's behind it.
"""

# mypy: disallow-untyped-calls=False

import copy
from collections.abc import Iterable, Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import AutoModelForImageTextToText
from transformers.conversion_mapping import get_model_conversion_mapping
from transformers.core_model_loading import WeightConverter, WeightRenaming, rename_source_key
from transformers.initialization import no_init_weights

import faceinsight.auto  # noqa: F401 - the ports register themselves with their configurations, FaceInsight does not

_BODY, _WORDS, _HEAD = "model.", "model.language_model.", "lm_head."


class OwnVision:
    """All of a network that comes before its language model, empty, as `body`.

    `folders` names those in which the weights lie, where they do not lie beside the configuration. The language model's
    is the first, and its names are its own; those of the others begin with the name of the folder.

    Args:
        config: of the whole network, one of adapters/ports or FaceInsight.
        dtype: of its weights, but for those that the network keeps in float32.
    """

    def __init__(self, config: Any, dtype: torch.dtype) -> None:
        with no_init_weights():
            network: Any = AutoModelForImageTextToText.from_config(
                _without_words(config), dtype=dtype, attn_implementation="sdpa"
            )
        self.folders: tuple[str, ...] = getattr(network, "folders", ())
        self._config, self._as_one = config, getattr(network, "as_one", None)
        # Asked for while the network is whole: names may be those of the language model.
        transforms = get_model_conversion_mapping(network)
        self._renamings = [one for one in transforms if isinstance(one, WeightRenaming)]
        self._converters = [one for one in transforms if isinstance(one, WeightConverter)]
        self.body: nn.Module = network.model
        del self.body.language_model
        for name in network._keep_in_fp32_modules_strict or ():
            if hasattr(self.body, name):
                getattr(self.body, name).float()
        self.body.eval().requires_grad_(False)

    def take(self, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Fill the body, and give the language model's weights, named as those of a checkpoint of it alone.

        Args:
            weights: of the whole checkpoint, under its own names; what the network does not know is passed over.

        Raises:
            ValueError: a weight of the body is missing or of another shape.
        """
        if self._as_one is not None:
            weights = self._as_one(weights, self._config)
        own = self.body.state_dict()
        missing = set(own)
        for name, tensor in self._renamed(weights):
            if name.startswith((_WORDS, _HEAD)):
                yield name.replace(_WORDS, _BODY, 1), tensor
            elif (short := name.removeprefix(_BODY)) in own:
                if own[short].shape != tensor.shape:
                    raise ValueError(f"{name} has the shape {list(tensor.shape)}, not {list(own[short].shape)}")
                own[short].copy_(tensor)
                missing.discard(short)
        if missing:
            raise ValueError(f"the checkpoint lacks {len(missing)} weights, {min(missing)} among them")

    def _renamed(self, weights: Iterable[tuple[str, Tensor]]) -> Iterator[tuple[str, Tensor]]:
        """Under the names of the port, by the rules by which transformers loads it; fused weights apart."""
        for name, tensor in weights:
            new, pattern = rename_source_key(name, self._renamings, self._converters)
            if pattern is None:
                yield new, tensor
                continue
            converter = next(one for one in self._converters if pattern in one.source_patterns)
            converter.add_tensor(new, name, pattern, cast(Any, tensor))  # it takes what is loaded as well
            yield from converter.convert(new).items()


def _without_words(config: Any) -> Any:
    """The configuration with a language model that costs nothing to make: no layers, and one word."""
    config = copy.deepcopy(config)
    text = config.get_text_config()
    text.num_hidden_layers, text.vocab_size, text.pad_token_id = 0, 1, None
    if getattr(text, "layer_types", None):
        text.layer_types = []
    return config
