"""The floors' miniatures: fitted to toy faces by the project's own command, and their card."""

from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from adapters.fitted import CONFIG, Fitted
from harness.floors import NAMES
from harness.floors.fit import FitOptions, fit
from harness.miniatures import evaluate
from harness.miniatures.evaluate import Figures
from harness.toys import TEST_SEED, TRAIN_SEED, training_faces

__all__ = ["NAMES", "card", "train"]


def train(name: str, folder: Path, seed: int, cache: Path) -> None:
    """Fit one to the training faces and write it into a folder."""
    options = FitOptions(data=training_faces(cache), out=folder, seed=seed, tower="miniature", device="cpu")
    fit(name, options).rename(folder / ".model")
    for file in (folder / ".model").iterdir():
        file.rename(folder / file.name)
    (folder / ".model").rmdir()


def card(name: str, folder: Path, seed: int, figures: Mapping[str, Figures]) -> str:
    """What is said of it, as Markdown."""
    here = Path(__file__).parent
    # Markdown, not HTML: escaping would change the command.
    environment = Environment(loader=FileSystemLoader(here), undefined=StrictUndefined, autoescape=False)  # noqa: S701
    config = Fitted.model_validate_json((folder / CONFIG).read_bytes(), extra="ignore")
    seeds = {"seed": seed, "train_seed": TRAIN_SEED, "test_seed": TEST_SEED, "sees": evaluate.SEES}
    said = environment.get_template("floors.md.j2").render(name=name, config=config, figures=figures, **seeds)
    return said.strip() + "\n"
