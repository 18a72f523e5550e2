"""What a fine-tuning is: a TOML file as records, checked before anything is loaded. No torch here.

recipes/paper.toml states the paper's scale with hardware, memory and hours; recipes/tiny.toml runs on two cores.
"""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from adapters.base import Profile
from faceinsight.recipe import Training
from harness.records import Record

RECIPES = Path(__file__).parent / "recipes"
TEXT_SIDE = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"
"""The linear layers of the language model, and none of the image encoder's."""


class Lora(Record):
    """Low-rank updates of the language model; the defaults are LLaVA-1.5's (scripts/v1_5/finetune_task_lora.sh)."""

    rank: int = Field(default=128, ge=1)
    alpha: int = Field(default=256, ge=1)
    dropout: float = Field(default=0.05, ge=0, lt=1)
    targets: str = TEXT_SIDE
    """A regular expression for the whole name of a module."""


class Data(Record):
    """Which faces are learnt from."""

    limit: int | None = Field(default=None, ge=1)
    """Training faces per question; None is all."""
    validation: float = Field(default=0.05, gt=0, lt=1)
    """Share of the training faces that is held out where a set has no validation split."""
    validation_limit: int = Field(default=1000, ge=1)
    """Faces per question that an evaluation asks about, at most."""
    shares: Literal["equal", "proportional"] = "equal"
    """Whether each question of the task is asked equally often, or as often as it has faces."""


class Learning(Training):
    """How it is learnt. `rate` is that of the trial, and `image_rate` that of the projector."""

    precision: Literal["float32", "bfloat16"] = "bfloat16"
    """bfloat16: frozen weights are kept so and what learns is cast on the way; what learns is always float32."""
    encoder_rate: float | None = Field(default=None, gt=0)
    """Peak rate of the image encoder, where it is trained; None is `rate`."""


class Recipe(Record):
    """A whole fine-tuning: one training for each rate."""

    title: str
    hardware: str
    memory_gb: float = Field(gt=0)
    """Of each GPU, or of the machine where there is none."""
    hours: float = Field(gt=0)
    """Of the whole grid on that hardware."""
    method: Literal["lora", "full"] = "lora"
    """lora: low-rank updates of the language model, and the projector whole; full: both whole."""
    rates: tuple[float, ...] = Field(min_length=1)
    """The grid of peak learning rates."""
    train_image_encoder: dict[str, bool] = Field(default_factory=dict)
    """Model -> whether its image encoder learns too; frozen where nothing is said."""
    lora: Lora = Lora()
    data: Data = Data()
    training: Learning

    @model_validator(mode="after")
    def _rates_stand_in_the_grid(self) -> Self:
        if "rate" in self.training.model_fields_set:
            raise ValueError("training.rate is settled by the grid: write `rates = [...]` above the tables")
        if min(self.rates) <= 0 or len(set(self.rates)) < len(self.rates):
            raise ValueError("the rates must be above 0, each of them once")
        return self

    def at(self, rate: float) -> Learning:
        """The settings of the trial with this rate."""
        return self.training.model_copy(update={"rate": rate})


def default_file(profile: Profile) -> Path:
    """The recipe of a profile."""
    return RECIPES / f"{profile}.toml"
