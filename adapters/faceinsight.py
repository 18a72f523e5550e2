"""FaceInsight: a face and its segmentation map in, decisions about characteristics out, in words and as evidence.

The prompt is LLaVA-1.5's with the knowledge tokens behind the question (the paper's eq. 2; it publishes no template).
"""

# mypy: disallow-untyped-calls=False

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from PIL import Image
from transformers import BatchFeature

import faceinsight.auto  # noqa: F401 - registers FaceInsight with the Auto classes
from adapters import guards
from adapters.base import Protocols, Reply
from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm
from adapters.resolution import AS_SAVED
from faceinsight import checkpoint
from faceinsight.prompt import TEMPLATE, Seen, seen
from harness.errors import AdapterError, ImageError, UnknownNameError
from harness.maps import CURE, read_map
from harness.records import Decoding, Request
from tasks.words import answer, decide

ANSWERS = ("decisions", "text")


class FaceInsight(ChatModel):
    """Answers with the labels its characteristics decide for, or, with `answers` = "text", with its language model."""

    template = TEMPLATE
    stops = ("</s>",)
    bos = True
    defaults = MappingProxyType(
        {"answers": "decisions"} | dict.fromkeys(("image_size", "image_tokens", "map_size", "map_tokens"), AS_SAVED)
    )
    fixed = ("image_size", "image_tokens", "map_size", "map_tokens")
    on_vllm = OnVllm(own_vision=True, pictures={"pixel_values": "pixel_values", "seg_pixel_values": "seg_pixel_values"})
    maps: Path | None = None
    """Where the segmentation maps lie."""

    def saved(self) -> Protocols:
        """The squares that the two towers see, and the tokens of each; zeros where there is no tower for maps."""
        maps = self.config.seg_config
        return {
            "image_size": self.config.vision_config.image_size,
            "image_tokens": self.config.image_tokens - self.config.seg_tokens,
            "map_size": 0 if maps is None else maps.image_size,
            "map_tokens": self.config.seg_tokens,
        }

    def load(self) -> tuple[Any, Any, Any]:
        """A whole checkpoint, or one of adapters with the frozen parts that its config names."""
        folder = Path(self.source)
        if not self.network or not checkpoint.is_adapters_only(folder):
            return super().load()
        with guards.loading(self.source):
            model: Any = checkpoint.load(folder, self.dtype)
            model.to(self.device).eval().requires_grad_(False)
            processor = self.load_processor(local_files_only=True)
        self.published = model.generation_config
        return model.config, processor, model

    def prepare(self) -> None:
        """Check the way of answering, and find the columns of each label space."""
        if self.protocol["answers"] not in ANSWERS:
            raise AdapterError(f"FaceInsight answers in {' or '.join(ANSWERS)}, not in '{self.protocol['answers']}'")
        self.labels = self.config.labels

    def image(self, image: Image.Image) -> Seen:  # type: ignore[override]
        """The face and its map, both padded to squares.

        Raises:
            ImageError: the map is missing or damaged.
        """
        classes = None
        if self.config.seg_config is not None:
            if self.maps is None:
                raise ImageError(
                    f"FaceInsight sees segmentation maps, and no folder of maps was named (--maps). {CURE}"
                )
            classes = read_map(self.maps, image)
        return seen(image, classes, self.processor.image_processor)

    def inputs(self, images: Sequence[Seen], requests: Sequence[Request]) -> BatchFeature:
        """The batch, and under "spaces" the label space of each request.

        Raises:
            AdapterError: a question asks in a label space the model was not trained on.
        """
        for space in {request.space for request in requests}:
            self._columns(space)
        features = super().inputs(images, requests)
        features["spaces"] = [request.space for request in requests]
        return features

    @classmethod
    def not_on_vllm(cls, source: str, protocol: Protocols) -> str:
        """Its decisions are read in the middle of a prompt, and adapters stand on parts that lie elsewhere."""
        if (cls.defaults | protocol)["answers"] != "text":
            return (
                "FaceInsight reads its decisions at places inside the prompt, of which vLLM tells nothing: "
                "`--protocol faceinsight.answers=text` lets it write"
            )
        if checkpoint.is_adapters_only(Path(source)):
            return f"{source} holds adapters only: `python -m harness train faceinsight --whole` writes everything"
        return ""

    def wordless(self, ids: torch.Tensor) -> torch.Tensor:
        """Where a prompt holds face, map or knowledge."""
        return super().wordless(ids) | (ids == self.config.knowledge_token_index)

    def blank(self, image: Image.Image) -> BatchFeature:
        """The batch of a picture without a map of its own, on which all is background."""
        classes = None if self.config.seg_config is None else Image.new("L", image.size)
        return self.batch([seen(image, classes, self.processor.image_processor)], ["?"])

    def pictures(self, images: Sequence[Seen]) -> dict[str, Any]:
        """Faces and, where the model has a tower for them, their maps."""
        maps = None if self.config.seg_config is None else [face.classes for face in images]
        return {"images": [[face.picture] for face in images], "maps": maps}

    @torch.inference_mode()
    def answer(self, batch: BatchFeature, decoding: Decoding) -> list[Reply]:
        """One reply per row with the evidence for each label; the words are decisions, or the language model's own."""
        spaces: list[str] = batch["spaces"]
        batch = _plain(batch)
        evidence = self._evidence(batch, spaces)
        if self.protocol["answers"] == "text":
            replies = super().answer(batch, decoding)
        else:
            lengths = batch["attention_mask"].sum(dim=1).tolist()
            words = [answer(space, decide(space, row)) for space, row in zip(spaces, evidence, strict=True)]
            replies = [
                Reply(text=text, finish="stop", prompt_tokens=length, new_tokens=0, image_tokens=count)
                for text, length, count in zip(words, lengths, self.image_tokens(batch), strict=True)
            ]
        scores = [{label: _sigmoid(value) for label, value in row.items()} for row in evidence]
        return [reply.model_copy(update={"label_scores": row}) for reply, row in zip(replies, scores, strict=True)]

    @property
    def evident(self) -> bool:
        """Whether its answers are its decisions, which it has evidence for without being asked for options."""
        return self.protocol["answers"] == "decisions"

    def choose(self, batch: BatchFeature, options: Sequence[Sequence[str]]) -> list[Reply]:
        """The first token of its language model, as of any other model."""
        return super().choose(_plain(batch), options)

    def generation(self, decoding: Decoding) -> dict[str, Any]:
        """As everywhere, but the placeholders are never written: the model would read knowledge where one stands."""
        placeholders = [self.config.image_token_index, self.config.knowledge_token_index]
        return super().generation(decoding) | {"suppress_tokens": placeholders}

    def _evidence(self, batch: BatchFeature, spaces: Sequence[str]) -> list[dict[str, float]]:
        """Label -> log-odds per row, of the labels of the row's space."""
        logits = self.model.characteristic_logits(**batch.to(self.device, self.dtype)).cpu().tolist()
        return [
            {label: row[column] for label, column in self._columns(space).items()}
            for row, space in zip(logits, spaces, strict=True)
        ]

    def _columns(self, space: str) -> Mapping[str, int]:
        try:
            return self.labels.columns(space)
        except UnknownNameError as error:
            raise AdapterError(
                f"{self.source} decides between labels, and was not trained on '{space}': {error}"
            ) from None


def _plain(batch: BatchFeature) -> BatchFeature:
    return BatchFeature({name: value for name, value in batch.items() if name != "spaces"})


def _sigmoid(value: float) -> float:
    return float(torch.tensor(value, dtype=torch.float64).sigmoid())
