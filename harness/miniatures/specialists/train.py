"""Train the miniature of a specialist on every label that its heads can tell of the drawn faces.

An adapter that can be trained is a `Classifier` with a static method `network`: a config.json's fields in, the network
out, whose `state_dict` has the published names; and it reads a folder of config.json and model.safetensors.
The same command continues where a killed one stopped, and the same seed gives the same batches.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from adapters import registry as models
from adapters.classifier import Classifier
from harness import images
from harness.miniatures.corpus import Lesson
from harness.miniatures.recipes import Recipes
from harness.miniatures.stage import Stage
from harness.miniatures.tower import ATTRIBUTE_WEIGHT
from harness.miniatures.train import EXTRA_LOOKS, by_face, shuffled
from tasks.coarser import coarser
from tasks.labels import label_space
from tasks.registry import question

RECIPES = Recipes(Path(__file__).parent)

Truth = Mapping[str, Tensor]
"""Head -> what is known of each face, [faces, labels]: 1 where a label may hold, 0 where not, nan where nothing is."""


@dataclass
class Training:
    """One training of one specialist.

    Args:
        name: a model that has a recipe.
        lessons: of the training split, of questions that the model can be asked.
        work: folder for checkpoints; it belongs to this name, seed, scale and data alone.
        seed: of weights and batches.
        scale: multiplies the steps of the recipe.
    """

    name: str
    lessons: Sequence[Lesson]
    work: Path
    seed: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        torch.set_num_threads(1)  # a network this small only waits for a second thread
        recipe = RECIPES.read(self.name)
        self.plan, self.config = recipe["training"], recipe["config"]
        adapter: Any = models.spec(self.name).load()
        torch.manual_seed(self.seed)
        save(adapter.network(self.config), self.config, self.work / "untrained", torch.float32)
        self.adapter: Classifier = adapter(str(self.work / "untrained"), device="cpu")
        self.faces = list(by_face(self.lessons).values())
        steps = max(1, int(self.plan["steps"] * self.scale))
        model = self.adapter.model
        self.stage = Stage(self.work / "specialist.pt", {"model": model}, steps, self.plan["rate"], self.seed)

    def run(self) -> list[float]:
        """All steps, or what is left of them; returns the loss of each."""
        self.adapter.model.requires_grad_(True).train()
        pixels = torch.stack([self.adapter.image(images.read(face[0].image)).half() for face in self.faces])
        known = truth(self.adapter, self.faces)

        def step(rows: Tensor) -> Tensor:
            return loss(self.adapter.read(pixels[rows].float()), {head: values[rows] for head, values in known.items()})

        described = [row for row, face in enumerate(self.faces) if not isinstance(face[0].gold, str)]
        places = torch.cat([torch.arange(len(self.faces)), *[torch.tensor(described, dtype=torch.long)] * EXTRA_LOOKS])
        return self.stage.run(shuffled(places, self.plan["batch"], self.seed), step)

    def save(self, folder: Path) -> None:
        """Write the miniature, its weights in bfloat16."""
        save(self.adapter.model, self.config, folder, torch.bfloat16)

    @property
    def minutes(self) -> float:
        """What the steps took."""
        return self.stage.seconds / 60


def truth(adapter: Classifier, faces: Sequence[Sequence[Lesson]]) -> Truth:
    """What the lessons about each face say of the labels of each head."""
    known = {head: torch.full((len(faces), len(labels)), torch.nan) for head, labels in adapter.heads.items()}
    for row, lessons in enumerate(faces):
        for lesson in lessons:
            head = adapter.head_of(question(lesson.question).space)
            known[head][row] = torch.tensor(_row(lesson, head, adapter.heads[head]))
    return known


def _row(lesson: Lesson, head: str, labels: Sequence[str]) -> list[float]:
    if not isinstance(lesson.gold, str):
        return [float(lesson.gold[label]) if label in lesson.gold else torch.nan for label in labels]
    # One label of a coarser space may stand for several of the head's, any of which may hold.
    means = coarser(head, question(lesson.question).space)
    assert means is not None
    return [float(means[label] == lesson.gold) for label in labels]


def loss(logits: Mapping[str, Tensor], known: Truth) -> Tensor:
    """Of attributes binary cross-entropy, else minus the log of the share of the labels that may hold."""
    terms = []
    for head, read in logits.items():
        wanted = known[head]
        if label_space(head).kind == "attributes":
            there = ~wanted.isnan()
            each = ATTRIBUTE_WEIGHT * F.binary_cross_entropy_with_logits(read[there], wanted[there], reduction="none")
        else:
            there = ~wanted[:, 0].isnan()
            shares = read[there].log_softmax(-1).masked_fill(wanted[there] == 0, -torch.inf)
            each = -shares.logsumexp(-1)
        if len(each):
            terms.append(each.mean())
    return torch.stack(terms).sum() / len(logits)


def save(network: nn.Module, config: Mapping[str, Any], folder: Path, dtype: torch.dtype) -> None:
    """Write config.json and model.safetensors; whole numbers stay whole."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    weights = {
        name: (value.to(dtype) if value.is_floating_point() else value).contiguous()
        for name, value in network.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
