"""The three stand-ins as checkpoints in folders, each trained once and taken up again where a kill cut it off."""

# mypy: disallow-untyped-calls=False

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tokenizers.processors import TemplateProcessing
from torch import Tensor
from transformers import (
    CLIPConfig,
    CLIPImageProcessorPil,
    CLIPModel,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from faceinsight.faces import LabelledFaces
from faceinsight.lessons import look
from faceinsight.phrases import caption
from faceinsight.prompt import TEMPLATE, Seen
from faceinsight.recipe import Parts
from harness.maps import coloured
from harness.miniatures.build import train_tokenizer
from harness.miniatures.faceinsight import clip, language
from harness.miniatures.faceinsight.segmentation import Restorer
from harness.miniatures.stage import Stage
from tasks.words import answer

LANGUAGE_TOKENS = {
    "special": ["<unk>", "<s>", "</s>", "<pad>", "<image>", "<knowledge>"],
    "bos": "<s>", "eos": "</s>", "pad": "<pad>", "unk": "<unk>",
}  # fmt: skip
FACE_TOKENS = {
    # CLIP looks for the end of a text by its id, and takes 2 for a sign of older files that it reads otherwise.
    "special": ["<pad>", "<unk>", "<start>", "<end>"],
    "bos": "<start>", "eos": "<end>", "pad": "<pad>", "unk": "<unk>",
}  # fmt: skip
ANSWERS_FROM = 7
"""Every so many faces lend their answers to the vocabulary."""


@dataclass(frozen=True)
class StandIns:
    """Trains what FaceInsight freezes.

    Args:
        faces: of the training split.
        maps: their segmentation maps.
        recipe: sizes, steps and rates; harness/miniatures/faceinsight/recipe.toml.
        work: folder for checkpoints; it belongs to this recipe, seed and these faces alone.
        seed: of weights and batches.
    """

    faces: LabelledFaces
    maps: Path
    recipe: dict[str, Any]
    work: Path
    seed: int

    def parts(self) -> Parts:
        """All three, trained or found."""
        return Parts(
            language=str(self._once("language", self._language)),
            face=str(self._once("face", self._face)),
            segmentation=str(self._once("segmentation", self._segmentation)),
        )

    def _once(self, name: str, make: Any) -> Path:
        folder = self.work / name
        if not folder.is_dir():
            torch.manual_seed(self.seed)
            draft = folder.with_name(f".{name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            make(draft)
            draft.rename(folder)
        return folder

    def _language(self, folder: Path) -> None:
        """A Llama that reads, from text alone."""
        teacher = language.Teacher(None, TEMPLATE, self.faces.joint)
        texts = [*teacher.texts() * 20, *self._answers()]
        tokenizer = train_tokenizer(LANGUAGE_TOKENS, texts)
        teacher = language.Teacher(tokenizer, TEMPLATE, self.faces.joint)
        model = LlamaForCausalLM(
            LlamaConfig(
                **self.recipe["language"]["config"],
                vocab_size=len(tokenizer),
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        said = language.yes_no(tokenizer)
        plan = self.recipe["language"]["training"]
        batches = language.lessons(teacher, self.faces, plan["batch"], self.seed)
        self._train("language", {"model": model}, batches, lambda batch: language.loss(model, said, batch))
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    def _answers(self) -> list[str]:
        joint, present_NK = self.faces.joint, self.faces.labels_NK & self.faces.mask_NK
        return [
            " " + answer(space, held)
            for row in range(0, len(self.faces), ANSWERS_FROM)
            for space in sorted(joint.spaces)
            if (held := joint.held(space, present_NK[row]))
        ]

    def _face(self, folder: Path) -> None:
        """A CLIP of faces and statements."""
        phrases = [one.phrase for one in self.faces.joint.characteristics]
        tokenizer = train_tokenizer(FACE_TOKENS, [caption(phrases[at : at + 3]) for at in range(len(phrases))] * 10)
        start, end = tokenizer.bos_token_id, tokenizer.eos_token_id
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single="<start> $A <end>", special_tokens=[("<start>", start), ("<end>", end)]
        )
        sizes = self.recipe["face"]
        words = {"vocab_size": len(tokenizer), "bos_token_id": start, "eos_token_id": end, "pad_token_id": 0}
        model = CLIPModel(CLIPConfig(**sizes["config"] | {"text_config": sizes["config"]["text_config"] | words}))
        contrast, images = clip.Contrast(), self._image_processor()
        pixels = self._pixels(images, lambda face: face.picture)

        def loss(batch: clip.Pairs) -> Tensor:
            wanted = clip.encode(tokenizer, batch.captions)
            return contrast(model, pixels[batch.faces].float(), wanted, batch.true_BB)

        batches = clip.pairs(self.faces, sizes["training"]["batch"], self.seed)
        self._train("face", {"model": model, "contrast": contrast}, batches, loss)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        images.save_pretrained(folder)

    def _segmentation(self, folder: Path) -> None:
        """A ViT of coloured maps."""
        sizes = self.recipe["segmentation"]
        tower = CLIPVisionModel(CLIPVisionConfig(**sizes["config"]))
        restorer = Restorer(tower)
        pixels = self._pixels(self._image_processor(), lambda face: coloured(_map(face)))
        batches = _rows(len(self.faces), sizes["training"]["batch"], self.seed)
        self._train(
            "segmentation", {"tower": tower, "restorer": restorer}, batches,
            lambda rows: restorer(tower, pixels[rows].float()),
        )  # fmt: skip
        tower.save_pretrained(folder)

    def _train(self, name: str, modules: dict[str, Any], batches: Iterator[Any], loss: Any) -> None:
        plan = self.recipe[name]["training"]
        Stage(self.work / f"{name}.pt", modules, plan["steps"], plan["rate"], self.seed, half=False).run(batches, loss)

    def _image_processor(self) -> CLIPImageProcessorPil:
        side = self.recipe["face"]["config"]["vision_config"]["image_size"]
        return CLIPImageProcessorPil(size={"shortest_edge": side}, crop_size={"height": side, "width": side})

    def _pixels(self, images: Any, of: Callable[[Seen], Image.Image]) -> Tensor:
        """Pictures or coloured maps of all faces [N, 3, H, W], half precision."""
        faces = (look(self.faces.image(row), self.maps, images) for row in range(len(self.faces)))
        return torch.cat([images([of(face)], return_tensors="pt")["pixel_values"].half() for face in faces])


def _map(face: Seen) -> Image.Image:
    assert face.classes is not None
    return face.classes


def _rows(count: int, size: int, seed: int) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    while True:
        yield rng.integers(count, size=size)
