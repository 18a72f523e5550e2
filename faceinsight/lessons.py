"""Faces as training examples: tensors of picture and map, the prompt of one of the face's questions, labels and mask.

Shapes: N faces, B examples, L tokens, K characteristics.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset, Sampler

from faceinsight.faces import LabelledFaces
from faceinsight.processing import FaceInsightProcessor
from faceinsight.prompt import TEMPLATE, Seen, seen
from harness.images import read
from harness.maps import read_map
from harness.records import ImageRef
from tasks.registry import QUESTIONS, Question
from tasks.words import answer

Draw = tuple[int, int]
"""A face's row and the number of the draw, which settles what is asked about it."""
IGNORED = -100
TRUTH = ("characteristic_labels", "characteristic_mask")
"""What of a batch the model is not to see when it is asked."""
Treatment = Callable[[Image.Image], Image.Image]


class Lessons(Dataset[dict[str, Any]]):
    """One example per face and draw.

    Args:
        faces: of one split.
        processor: of the model.
        maps: folder of the segmentation maps; None where the model has no tower for them.
        seed: of the questions asked.
        written: whether examples hold a written answer as well, for the language-model loss.
        keep: whether prepared pictures stay in memory.
        treat: what is done to each picture, but not to its map, before it is prepared.
    """

    def __init__(
        self,
        faces: LabelledFaces,
        processor: FaceInsightProcessor,
        maps: Path | None,
        seed: int = 0,
        written: bool = False,
        keep: bool = False,
        treat: Treatment | None = None,
    ) -> None:
        self.faces = faces
        self.processor = processor
        self.maps = maps
        self.seed = seed
        self.written = written
        self.treat = treat
        self.pictures: dict[int, dict[str, Tensor]] | None = {} if keep else None
        self._prompts: dict[str, list[int]] = {}
        self._asked = [
            [asked for asked in QUESTIONS.values() if asked.dataset == dataset] for dataset in faces.datasets
        ]

    def __len__(self) -> int:
        """N."""
        return len(self.faces)

    def __getitem__(self, index: int | Draw) -> dict[str, Any]:
        """An example; a bare number is the first draw of that face."""
        row, draw = index if isinstance(index, tuple) else (index, 0)
        questions = self._asked[self.faces.dataset_N[row]]
        asked = questions[np.random.default_rng([self.seed, row, draw]).integers(len(questions))]
        prompt = self._prompt(asked)
        reply = self._reply(asked, row) if self.written else []
        return {
            "input_ids": torch.tensor(prompt + reply),
            "labels": torch.tensor([IGNORED] * len(prompt) + reply),
            "characteristic_labels": torch.from_numpy(self.faces.labels_NK[row]).float(),
            "characteristic_mask": torch.from_numpy(self.faces.mask_NK[row]),
            **self._picture(row),
        }

    def collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """A batch, padded on the right."""
        columns = {name: [row[name] for row in rows] for name in rows[0]}
        fills = {"input_ids": self.processor.tokenizer.pad_token_id, "labels": IGNORED}
        lengths = [len(ids) for ids in columns["input_ids"]]
        batch = {name: pad_sequence(columns.pop(name), True, fill) for name, fill in fills.items()}
        batch["attention_mask"] = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
        if not self.written:
            del batch["labels"]
        batch |= {name: torch.stack(values) for name, values in columns.items()}
        return {name: value.float() if value.dtype == torch.float16 else value for name, value in batch.items()}

    def _prompt(self, asked: Question) -> list[int]:
        """Ids of a question's prompt; pictures are all of one size, so it is the same for every face."""
        text = asked.render().text
        if text not in self._prompts:
            processor = self.processor
            size = processor.image_processor.crop_size
            patches = (size["height"] // processor.patch_size) * (size["width"] // processor.patch_size)
            words = TEMPLATE.replace("<image>", processor.image_token * (patches + processor.seg_tokens))
            words = words.replace("<knowledge>", processor.knowledge_token * processor.characteristics)
            self._prompts[text] = processor.tokenizer.encode(words.replace("{question}", text))
        return self._prompts[text]

    def _reply(self, asked: Question, row: int) -> list[int]:
        text = answer(asked.space, self.faces.joint.held(asked.space, self.faces.labels_NK[row]))
        tokenizer = self.processor.tokenizer
        return [*tokenizer.encode(" " + text, add_special_tokens=False), tokenizer.eos_token_id]

    def _picture(self, row: int) -> dict[str, Tensor]:
        if self.pictures is None:
            return self._prepared(self.faces.image(row))
        if row not in self.pictures:
            self.pictures[row] = {name: value.half() for name, value in self._prepared(self.faces.image(row)).items()}
        return self.pictures[row]

    def _prepared(self, reference: ImageRef) -> dict[str, Tensor]:
        face = look(reference, self.maps, self.processor.image_processor, self.treat)
        maps = None if face.classes is None else [face.classes]
        features = self.processor(images=[face.picture], maps=maps, return_tensors="pt")
        return {name: value[0] for name, value in features.items()}


def look(reference: ImageRef, maps: Path | None, image_processor: Any, treat: Treatment | None = None) -> Seen:
    """A face and, where a folder of maps is given, its map, as the processor takes them.

    Raises:
        ImageError: one of them is missing or damaged.
    """
    picture = read(reference)
    classes = None if maps is None else read_map(maps, picture)  # found by the pixels on disk
    return seen(treat(picture) if treat else picture, classes, image_processor)


class WeightedDraws(Sampler[Draw]):
    """Faces drawn with replacement by weight, the same in every process and after every resumption.

    The whole training is one epoch of `count` draws, so that a resumed one passes over those it has seen.
    """

    def __init__(self, weights_N: np.ndarray, count: int, seed: int) -> None:
        self.weights_N = torch.from_numpy(weights_N)
        self.count = count
        self.seed = seed

    def __len__(self) -> int:
        """How many draws."""
        return self.count

    def __iter__(self) -> Iterator[Draw]:
        """Rows of faces, each with the number of its draw."""
        generator = torch.Generator().manual_seed(self.seed)
        for start in range(0, self.count, 4096):
            size = min(4096, self.count - start)
            rows = torch.multinomial(self.weights_N, size, replacement=True, generator=generator).tolist()
            yield from ((row, start + place) for place, row in enumerate(rows))
