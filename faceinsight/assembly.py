"""FaceInsight out of its pretrained parts, or out of the frozen half of another FaceInsight.

What is frozen is taken as it is; adapters and graph are drawn anew, as torch draws linear layers. The paper's parts are
LLaVA-1.5's Vicuna, FLIP's image and text towers, and a ViT for the maps, which it does not name: here a second copy of
FLIP's tower, as VCoder does it, unless another is given.

Shapes: K characteristics, T width of the text features.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageTextToText,
    AutoProcessor,
    AutoTokenizer,
    CLIPModel,
)

from faceinsight.auto import FaceInsightConfig, FaceInsightForConditionalGeneration, FaceInsightProcessor
from faceinsight.graph import Counts, correlation_map
from faceinsight.labels import JointLabels
from faceinsight.logic import LogicalModule
from faceinsight.phrases import text_features
from faceinsight.recipe import Parts, Settings
from faceinsight.rules import Rules
from harness.errors import AdapterError, ConfigError

IMAGE, KNOWLEDGE = "<image>", "<knowledge>"
YES, NO = " Yes", " No"


class Built(NamedTuple):
    """A model and the processor that feeds it."""

    model: FaceInsightForConditionalGeneration
    processor: FaceInsightProcessor


@dataclass(frozen=True)
class Frozen:
    """The pretrained half of a FaceInsight."""

    language_model: Any
    lm_head: nn.Module
    tokenizer: Any
    vision_tower: Any
    seg_tower: Any
    image_processor: Any
    features: Callable[[JointLabels], Tensor]
    """T^0 [K, T] of characteristics."""
    projector: nn.Module | None = None
    """LLaVA's, to start the image adapter from."""
    parts: Parts | None = None


def pretrained(parts: Parts, dtype: torch.dtype = torch.bfloat16) -> Frozen:
    """Load the parts from their checkpoints.

    Raises:
        AdapterError: a part cannot be loaded, or `face` is no CLIP.
    """
    clip, words = _loaded(parts.face, lambda: _clip(parts.face, dtype))
    language, head, projector, tokenizer = _loaded(parts.language, lambda: _language(parts.language, dtype))
    place = parts.segmentation or parts.face
    seg_tower = _loaded(place, lambda: _tower(place, dtype))
    return Frozen(
        language_model=language,
        lm_head=head,
        tokenizer=tokenizer,
        vision_tower=_loaded(parts.face, lambda: _tower(parts.face, dtype)),
        seg_tower=seg_tower,
        image_processor=_loaded(parts.face, lambda: AutoImageProcessor.from_pretrained(parts.face, backend="pil")),
        features=lambda labels: text_features(clip, words, [one.phrase for one in labels.characteristics]),
        projector=projector,
        parts=parts,
    )


def frozen_half(folder: Path, dtype: torch.dtype = torch.float32) -> Frozen:
    """The frozen half of a whole FaceInsight checkpoint that has both towers and a graph, without what it learnt.

    Raises:
        AdapterError: the checkpoint cannot be loaded.
    """
    model: Any = _loaded(str(folder), lambda: AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype))
    processor: Any = _loaded(str(folder), lambda: AutoProcessor.from_pretrained(folder))
    images: Any = _loaded(str(folder), lambda: AutoImageProcessor.from_pretrained(folder, backend="pil"))
    body, known = model.model, {name: row for row, name in enumerate(model.config.labels.names)}

    def features(labels: JointLabels) -> Tensor:
        if strange := [name for name in labels.names if name not in known]:
            raise ConfigError(f"{folder} knows nothing of the characteristic '{strange[0]}', and has no text tower.")
        rows: Tensor = body.correlation.text_features[[known[name] for name in labels.names]]
        return rows

    return Frozen(
        body.language_model, model.lm_head, processor.tokenizer, body.vision_tower, body.seg_tower, images, features
    )


def assemble(
    frozen: Frozen, settings: Settings, labels: JointLabels, rules: Rules, counts: Counts | None = None, seed: int = 0
) -> Built:
    """A FaceInsight whose adapters and graph know nothing yet, frozen but for them.

    Args:
        frozen: the pretrained half; its modules become the model's own and are not copied.
        settings: what the model is made of.
        labels: the K characteristics.
        rules: over them; unused where `logic_weight` is 0.
        counts: of the training faces, for the map of eq. 5-7; None leaves a map without edges.
        seed: of the weights that learn.
    """
    tokenizer = _with_tokens(frozen)
    config = _config(frozen, settings, labels, rules, tokenizer)
    model = joined(config, frozen, seed)
    _warm_start(model.model.multi_modal_projector, frozen.projector)
    edges = torch.eye(len(labels)) if counts is None else correlation_map(counts, settings.tau, settings.omega)
    model.model.correlation.set_knowledge(frozen.features(labels), edges)
    return Built(model, _processor(frozen, config, tokenizer))


def joined(config: FaceInsightConfig, frozen: Frozen, seed: int = 0) -> FaceInsightForConditionalGeneration:
    """A model of this configuration with the frozen parts in it; the rest is drawn, its knowledge is empty."""
    with torch.device("meta"):
        model = FaceInsightForConditionalGeneration(config)
    body = model.model
    body.language_model, model.lm_head = frozen.language_model, frozen.lm_head.float()
    body.vision_tower = frozen.vision_tower
    if config.seg_config is not None:
        body.seg_tower = frozen.seg_tower
    torch.manual_seed(seed)
    for name, module in body.named_children():
        if name.endswith("_projector") or name == "correlation":
            _draw(module)
    if config.rules:
        model.logic = LogicalModule(config.rule_set, config.labels.names)
    model.generation_config.suppress_tokens = [config.image_token_index, config.knowledge_token_index]
    return model.freeze()


def _config(frozen: Frozen, settings: Settings, labels: JointLabels, rules: Rules, tokenizer: Any) -> FaceInsightConfig:
    tower: Any = frozen.vision_tower.config
    yes, no = (_single(tokenizer, word) for word in (YES, NO))
    config = FaceInsightConfig(
        text_config=_own(frozen.language_model.config),
        vision_config=_own(tower),
        seg_config=_own(frozen.seg_tower.config) if settings.segmentation else None,
        image_token_index=tokenizer.convert_tokens_to_ids(IMAGE),
        image_seq_length=(tower.image_size // tower.patch_size) ** 2,
        knowledge_token_index=tokenizer.convert_tokens_to_ids(KNOWLEDGE),
        yes_token_index=yes,
        no_token_index=no,
        characteristics=[one.model_dump(mode="json") for one in labels.characteristics],
        knowledge_width=frozen.features(labels).shape[1],
        gcn_layers=settings.gcn_layers,
        tau=settings.tau,
        omega=settings.omega,
        rules=rules.model_dump(mode="json") if settings.logic_weight else None,
        logic_weight=settings.logic_weight,
        lm_weight=settings.lm_weight,
        parts=frozen.parts.model_dump(mode="json") if frozen.parts else None,
    )
    config.bos_token_id, config.eos_token_id, config.pad_token_id = (
        tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id,
    )  # fmt: skip
    return config


def _own(config: Any) -> dict[str, Any]:
    """A part's configuration without the place it was loaded from, which may be a folder of this machine."""
    return {name: value for name, value in config.to_dict().items() if name != "_name_or_path"}


def _processor(frozen: Frozen, config: FaceInsightConfig, tokenizer: Any) -> FaceInsightProcessor:
    return FaceInsightProcessor(
        image_processor=frozen.image_processor,
        tokenizer=tokenizer,
        patch_size=config.vision_config.patch_size,
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        image_token=IMAGE,
        num_additional_image_tokens=1,
        seg_tokens=config.seg_tokens,
        knowledge_token=KNOWLEDGE,
        characteristics=len(config.labels),
    )


def _with_tokens(frozen: Frozen) -> Any:
    """The tokenizer with the two placeholders, and rows for them in the embeddings where there are none yet."""
    tokenizer = frozen.tokenizer
    new = [token for token in (IMAGE, KNOWLEDGE) if token not in tokenizer.get_vocab()]
    tokenizer.add_tokens(new, special_tokens=True)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.unk_token or tokenizer.eos_token
    rows = frozen.language_model.get_input_embeddings().weight.shape[0]
    if len(tokenizer) > rows:
        raise ConfigError(
            f"the language model has {rows} embeddings and the tokenizer {len(tokenizer)} tokens with {IMAGE} and "
            f"{KNOWLEDGE}: name a LLaVA-1.5 checkpoint, whose embeddings have spare rows, as the language part."
        )
    return tokenizer


def _single(tokenizer: Any, word: str) -> int:
    """The token that a word is in the middle of a text; SentencePiece's own space before a text is no help here."""
    around = tokenizer.encode("A", add_special_tokens=False)
    ids = tokenizer.encode("A" + word, add_special_tokens=False)
    if ids[: len(around)] != around or len(ids) != len(around) + 1:
        raise ConfigError(
            f"the language model's tokenizer reads '{word}' as {ids[len(around) :]}: it must be one token."
        )
    return int(ids[-1])


def _draw(module: nn.Module) -> None:
    module.to_empty(device="cpu")
    for part in module.modules():
        if isinstance(part, nn.Linear):
            part.reset_parameters()


def _warm_start(adapter: nn.Module, projector: nn.Module | None) -> None:
    """LLaVA's projector, where its shapes are the adapter's."""
    if projector is None:
        return
    theirs, ours = projector.state_dict(), adapter.state_dict()
    if all(name in theirs and theirs[name].shape == value.shape for name, value in ours.items()):
        adapter.load_state_dict({name: theirs[name].float() for name in ours})


def _clip(source: str, dtype: torch.dtype) -> tuple[Any, Any]:
    kind = AutoConfig.from_pretrained(source).model_type
    if kind != "clip":
        raise AdapterError(f"{source} is a '{kind}', no CLIP: several models are called FLIP, see docs/faceinsight.md")
    return CLIPModel.from_pretrained(source, dtype=dtype).eval(), AutoTokenizer.from_pretrained(source)


def _tower(source: str, dtype: torch.dtype) -> Any:
    config = AutoConfig.from_pretrained(source)
    if config.model_type == "clip":
        from transformers import CLIPVisionModel

        return CLIPVisionModel.from_pretrained(source, dtype=dtype)
    return AutoModel.from_pretrained(source, dtype=dtype)


def _language(source: str, dtype: torch.dtype) -> tuple[Any, Any, Any, Any]:
    tokenizer = AutoTokenizer.from_pretrained(source)
    if AutoConfig.from_pretrained(source).model_type == "llava":
        llava: Any = AutoModelForImageTextToText.from_pretrained(source, dtype=dtype)
        return llava.model.language_model, llava.lm_head, llava.model.multi_modal_projector, tokenizer
    alone: Any = AutoModelForCausalLM.from_pretrained(source, dtype=dtype)
    return alone.model, alone.lm_head, None, tokenizer


def _loaded(source: str, load: Callable[[], Any]) -> Any:
    try:
        return load()
    except AdapterError:
        raise
    except Exception as error:  # transformers raises OSError, ValueError, KeyError, ImportError, RuntimeError ...
        reason = (str(error) or type(error).__name__).strip().splitlines()[0]
        raise AdapterError(
            f"the part {source} of FaceInsight cannot be loaded: {reason} "
            "A repository id needs a network or a filled cache; a folder can be given in its place."
        ) from error
