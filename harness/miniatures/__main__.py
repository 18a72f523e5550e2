"""Train and evaluate miniatures: `python -m harness.miniatures train NAME`, then `evaluate NAME`."""

import argparse
import hashlib
import logging
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from adapters import registry as models
from adapters.spec import MINIATURES
from harness.errors import HarnessError
from harness.maps import NAME as MAPS
from harness.miniatures import build, card, corpus, evaluate, floors, train
from harness.miniatures.corpus import Lesson
from harness.miniatures.evaluate import Figures
from harness.miniatures.faceinsight import train as faceinsight
from harness.miniatures.specialists import train as specialists
from harness.places import cache_folder
from harness.toys import TEST_SEED, TRAIN_FACES, TRAIN_SEED, toy_root, training_faces
from tasks import toy
from tasks.registry import question

TEST_FACES = 200


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S", stream=sys.stderr)
    try:
        _train(options) if options.command == "train" else _evaluate(options)
    except HarnessError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m harness.miniatures", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for command, words in (
        ("train", "train a miniature and write its folder and card"),
        ("evaluate", "print what it sees"),
    ):
        sub = commands.add_parser(command, help=words)
        names = (*build.RECIPES.names(), faceinsight.NAME, *floors.NAMES, *specialists.RECIPES.names())
        sub.add_argument("name", help=f"one of {', '.join(names)}")
        sub.add_argument("--seed", type=int, default=0, help="of weights and batches (default 0)")
        sub.add_argument("--out", type=Path, help="folder of the miniature (default adapters/miniatures/NAME)")
        sub.add_argument(
            "--cache", type=Path, default=cache_folder(), help="for faces and checkpoints (default %(default)s)"
        )
        sub.add_argument("--faces", type=int, default=TEST_FACES, help="test faces per dataset (default %(default)s)")
        sub.add_argument("--scale", type=float, default=1.0, help="multiplies the recipe's steps (default 1)")
    return parser


def _train(options: argparse.Namespace) -> None:
    fresh = _out(options).with_name(f".{options.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    if options.name == faceinsight.NAME:
        own = faceinsight.Training(training_faces(options.cache), options.cache, options.seed, options.scale)
        faceinsight.save(own.run(), fresh)
        text = own.card(_figures(options, fresh)).text()
    elif options.name in specialists.RECIPES.names():
        lessons = _lessons(options, training_faces(options.cache), "train")
        pupil = specialists.Training(options.name, lessons, _work(options), options.seed, options.scale)
        pupil.run()
        pupil.save(fresh)
        text = _specialist(options, pupil, _figures(options, fresh)).text()
    elif options.name in floors.NAMES:
        floors.train(options.name, fresh, options.seed, options.cache)
        text = floors.card(options.name, fresh, options.seed, _figures(options, fresh))
    else:
        lessons = _lessons(options, training_faces(options.cache), "train")
        training = train.Training(options.name, lessons, _work(options), options.seed, options.scale)
        build.save(options.name, training.run(), fresh)
        text = _chat(options, training, _figures(options, fresh)).text()
    (fresh / "README.md").write_text(text, encoding="utf-8")
    shutil.rmtree(_out(options), ignore_errors=True)
    os.replace(fresh, _out(options))
    print(text)  # noqa: T201


def _evaluate(options: argparse.Namespace) -> None:
    print(card.tables(_figures(options, _out(options))))  # noqa: T201


def _figures(options: argparse.Namespace, folder: Path) -> dict[str, Figures]:
    root = toy_root(1, options.faces, TEST_SEED, options.cache)
    return evaluate.evaluate(evaluate.load(options.name, folder, root / MAPS), _lessons(options, root, "test"))


def _lessons(options: argparse.Namespace, root: Path, split: str) -> list[Lesson]:
    return corpus.lessons(root, split, models.spec(options.name).answers_in)


def _chat(options: argparse.Namespace, training: train.Training, figures: dict[str, Figures]) -> card.Card:
    tower, language = training.stages
    base = build.RECIPES.read(options.name)["base"]
    return card.ChatCard(
        **_common(options, base, training.model, training),
        tower_steps=tower.steps,
        language_steps=language.steps,
        figures=figures,
    )


def _specialist(options: argparse.Namespace, pupil: specialists.Training, figures: dict[str, Figures]) -> card.Card:
    base = specialists.RECIPES.read(options.name)["base"]
    return card.SpecialistCard(
        **_common(options, base, pupil.adapter.model, pupil),
        datasets=tuple(dict.fromkeys(question(lesson.question).dataset for lesson in pupil.lessons)),
        steps=pupil.stage.steps,
        figures=figures,
    )


def _common(
    options: argparse.Namespace, base: str, model: nn.Module, training: train.Training | specialists.Training
) -> dict[str, Any]:
    """What all cards say of their training."""
    scale = f" --scale {options.scale}" if options.scale != 1 else ""
    return {
        "name": options.name,
        "base": base,
        "architecture": type(model).__name__,
        "weights": f"{sum(weight.numel() for weight in model.parameters()):,}",
        "command": f"python -m harness.miniatures train {options.name} --seed {options.seed}{scale}",
        "seed": options.seed,
        "train_faces": TRAIN_FACES,
        "train_seed": TRAIN_SEED,
        "test_seed": TEST_SEED,
        "lessons": len(training.lessons),
        "minutes": round(training.minutes),
    }


def _work(options: argparse.Namespace) -> Path:
    """Checkpoints belong to one recipe, voice, seed and length: a changed recipe starts anew."""
    if options.name in specialists.RECIPES.names():
        marks = (specialists.RECIPES.folder / f"{options.name}.toml").read_bytes()
    else:
        marks = (build.RECIPES.folder / f"{options.name}.toml").read_bytes()
        marks += (corpus.ANSWERS / f"{options.name}.toml").read_bytes() + (corpus.ANSWERS / "_parts.j2").read_bytes()
    marks += f"{options.seed} {options.scale} {toy.VERSION}".encode()
    return options.cache / f"{options.name}-{hashlib.sha256(marks).hexdigest()[:12]}"


def _out(options: argparse.Namespace) -> Path:
    return options.out or MINIATURES / options.name


if __name__ == "__main__":
    sys.exit(main())
