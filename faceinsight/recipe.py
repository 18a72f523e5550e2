"""What a training is: a TOML file as records, checked before anything is loaded.

faceinsight/recipes/paper.toml states the paper's scale with hardware, hours and memory; tiny.toml runs on two cores.
"""

import tomllib
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import Field, ValidationError

from harness.errors import ConfigError
from harness.records import Record


class Parts(Record):
    """Where the frozen parts are: folders or repository ids of checkpoints."""

    language: str
    """LLaVA-1.5, whose projector is then the start of the image adapter where it fits, or a language model alone."""
    face: str
    """A CLIP: its image tower sees faces, its text tower gives the features of the characteristics."""
    segmentation: str | None = None
    """A ViT for the coloured maps; None is a second copy of the image tower."""


class Settings(Record):
    """What FaceInsight is made of beside its frozen parts; the defaults are the paper's where it gives one."""

    segmentation: bool = True
    gcn_layers: int = 2
    """L of eq. 8; 0 is no graph."""
    tau: float = 0.4
    omega: float = 0.8
    logic_weight: float = 1.0
    """0 leaves eq. 9 out."""
    lm_weight: float = 0.0
    """A departure from the paper: trains written answers as well."""


class Data(Record):
    """Which faces are learnt from."""

    questions: tuple[str, ...] | None = None
    """Whose labels make the joint space; None is all. The ablations of the paper are about CelebA alone."""
    datasets: tuple[str, ...] = ("maad", "celeba", "fairface", "utkface", "expw", "raf-db")
    shares: dict[str, float] | Literal["equal", "proportional"] = "equal"
    """How often each dataset is drawn from: weights by name, the same for all, or as large as the set is."""
    limit: int | None = Field(default=None, ge=1)
    """Faces per dataset; None is all."""
    validation: float = Field(default=0.05, gt=0, lt=1)
    """Share of the training faces that is held out where a set has no validation split."""
    validation_limit: int = Field(default=2000, ge=1)
    """Faces per dataset that an evaluation looks at, at most."""
    test_limit: int | None = Field(default=None, ge=1)
    """Test faces per dataset that a trial of an ablation is scored on; None is all."""
    keep_in_memory: bool = False
    """Keep prepared pictures in memory, 16-bit: for sets of a few thousand small pictures."""


class Training(Record):
    """How it is learnt. Batch sizes are those of one process; `accumulate` batches make a step."""

    steps: int = Field(ge=1)
    batch: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    rate: float = Field(default=1e-3, gt=0)
    """Peak learning rate; a cosine takes it to nothing."""
    image_rate: float | None = None
    """Of the image adapter, where it starts from LLaVA's projector; None is `rate`."""
    warmup: float = Field(default=0.03, ge=0, lt=1)
    weight_decay: float = 0.0
    clip: float = 1.0
    evaluate_every: int = Field(ge=1)
    """Steps between evaluations and checkpoints."""
    patience: int = Field(default=5, ge=1)
    """Evaluations without a better validation accuracy, after which training stops."""
    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """Of the frozen parts, and so of the activations; adapters, graph and head are always float32.

    Nothing is cast on the way (autocast, FSDP's mixed precision): that would take the adapters along.
    """
    activation_checkpointing: bool = False
    sharding: Literal["none", "fsdp"] = "none"
    """none: every process holds the model (DDP); fsdp: FSDP2 shards it."""
    workers: int = Field(default=0, ge=0)
    """Processes that prepare pictures."""
    seed: int = 0


class Recipe(Record):
    """A whole training."""

    title: str
    hardware: str
    parts: Parts | None = None
    """The frozen parts by checkpoint; None where `frozen` names them."""
    frozen: str | None = None
    """A FaceInsight whose frozen half is used: a folder, or "miniature"."""
    rules: str | None = None
    """A file of rules in place of faceinsight/rules.toml."""
    rule_threshold: float | None = Field(default=None, ge=0, le=1)
    """Rules that ground truth breaks more often than this, where they apply, are left out; None keeps all."""
    model: Settings = Settings()
    data: Data = Data()
    training: Training


R = TypeVar("R", bound=Recipe)
Kind = TypeVar("Kind", bound=Record)


def load_recipe(file: Path, kind: type[R]) -> R:
    """Read a recipe: `Recipe`, or a kind of it with more fields.

    Raises:
        ConfigError: it is absent or malformed, or names no frozen parts, or two kinds of them.
    """
    recipe = read_config(file, kind)
    if (recipe.parts is None) is (recipe.frozen is None):
        raise ConfigError(f"{file} must name the frozen parts once: a table [parts], or `frozen = FOLDER`.")
    return recipe


def read_config(file: Path, kind: type[Kind]) -> Kind:
    """A training's TOML file as records.

    Raises:
        ConfigError: it is absent or malformed.
    """
    try:
        return kind.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"the training config {file} cannot be read: {error}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "its top"
        raise ConfigError(f"{file} is malformed at {where}: {first['msg']}.") from error
