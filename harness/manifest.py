"""run.json: what was asked of whom, how, and with which versions."""

import shlex
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from adapters.resolution import Policy
from harness.config import RunConfig
from harness.errors import AdapterError, StoreError
from harness.plan import Asked, PlannedQuestion
from harness.store import RunFolder
from harness.versions import versions
from tasks.datasets.provenance import read_provenance


def record(
    folder: RunFolder,
    config: RunConfig,
    planned: Sequence[PlannedQuestion],
    asked: Asked,
) -> None:
    """Write run.json and the samples; models and questions of earlier runs in the folder stay.

    Args:
        folder: of the run.
        config: its settings.
        planned: all of its questions.
        asked: model -> those that it is asked.

    Raises:
        StoreError: the folder holds a run with other settings.
    """
    earlier = check(folder, config)
    checkpoints = earlier.get("checkpoints", {})
    questions = {row["name"]: row for row in earlier.get("questions", [])}
    questions |= {item.question.name: item.question.model_dump(mode="json") for item in planned}
    prompts = {item.question.name: item.prompt.model_dump(mode="json") for item in planned}
    asks = {item.question.name: [ask.model_dump(mode="json") for ask in item.asks] for item in planned if item.asks}
    tallies = {item.question.name: item.tally.model_dump() | {"kept": len(item.cases)} for item in planned}
    folder.write_run(
        {
            "name": folder.path.name,
            "profile": config.profile,
            "models": list(dict.fromkeys([*earlier.get("models", []), *config.models])),
            "asked": _asked(earlier, asked),
            "checkpoints": checkpoints | config.models,
            "policies": earlier.get("policies", {}) | config.policies,
            "tasks": list(dict.fromkeys(row["task"] for row in questions.values())),
            "questions": list(questions.values()),
            "prompts": earlier.get("prompts", {}) | prompts,
            "tallies": earlier.get("tallies", {}) | tallies,
            "asks": earlier.get("asks", {}) | asks,
            "decoding": config.decoding.model_dump(mode="json"),
            "limit": config.limit,
            "seed": config.seed,
            "data_root": str(config.data_root),
            "datasets": config.datasets.model_dump(mode="json"),
            "sources": earlier.get("sources", {}) | _sources(config.data_root, planned),
            "protocol": config.protocol(),
            "engines": earlier.get("engines", {}),
            "versions": versions(),
            "started": earlier.get("started") or datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join(["python", "-m", "harness", *sys.argv[1:]]),
        }
    )
    for item in planned:
        folder.write_cases(item.question.name, item.cases)


def _asked(earlier: Mapping[str, Any], asked: Asked) -> dict[str, list[str]]:
    """Model -> the questions it was asked so far; of a run from before that was recorded, all of its questions."""
    everything = [row["name"] for row in earlier.get("questions", ())]
    before = dict.fromkeys(earlier.get("models", ()), everything) | earlier.get("asked", {})
    now = {name: [item.question.name for item in items] for name, items in asked.items()}
    return {name: list(dict.fromkeys([*before.get(name, ()), *now.get(name, ())])) for name in {**before, **now}}


def _sources(root: Path, planned: Sequence[PlannedQuestion]) -> dict[str, Any]:
    """Dataset -> where a copy that was fetched from a mirror came from."""
    names = dict.fromkeys(item.question.dataset for item in planned)
    found = {name: read_provenance(root / name) for name in names}
    return {name: one.model_dump(mode="json") for name, one in found.items() if one}


def check(folder: RunFolder, config: RunConfig) -> dict[str, Any]:
    """What an earlier run wrote into run.json; empty before the first one.

    Raises:
        StoreError: the folder holds a run with other settings, or answers of other weights.
    """
    earlier = folder.read_run() or {}
    protocol = config.protocol()
    if earlier and earlier.get("protocol") != protocol:
        raise StoreError(_difference(folder.path, earlier.get("protocol") or {}, protocol))
    checkpoints = earlier.get("checkpoints", {})
    if changed := [name for name, found in config.models.items() if checkpoints.get(name, found) != found]:
        raise StoreError(
            f"{folder.path} holds answers of other weights of {', '.join(changed)}. "
            "Answers of different weights do not mix: choose another folder with --out."
        )
    for name in set(earlier.get("models", ())) & set(config.models):
        if mixed := _mixed(folder, name, earlier.get("policies", {}).get(name, {}), config.policies.get(name, {})):
            raise StoreError(mixed)
    return earlier


def note_engine(folder: RunFolder, model: str, engine: object, policy: Policy | None = None) -> None:
    """Write down what was loaded for a model: source, revision, dtype, device, all of its protocol, and that in words.

    Raises:
        AdapterError: the folder holds answers of it with another protocol, as a checkpoint may bring that has changed.
    """
    identity = getattr(engine, "identity", None)
    if identity is None:
        return
    run, found = folder.run(), identity()
    engines = run.get("engines", {})
    force = found.get("protocol") or {}
    before = engines.get(model, {}).get("protocol") or {}
    # Fields that earlier versions did not record are no difference.
    shared = [name for name in force if name in before]
    if mixed := _mixed(folder, model, *({name: one[name] for name in shared} for one in (before, force))):
        raise AdapterError(mixed)
    if policy is not None and force:
        found["policy"] = policy.in_words(force)
    folder.write_run(run | {"engines": engines | {model: found}})


def _mixed(folder: RunFolder, model: str, old: Mapping[str, object], new: Mapping[str, object]) -> str:
    """The sentence for a model whose protocol differs from that of its stored answers, or nothing."""
    changed = _changes(old, new, absent="as usual")
    return changed and (
        f"{folder.path} holds answers of {model} with another protocol ({changed}). "
        "Answers to differently prepared pictures do not mix: choose another folder with --out."
    )


def _changes(old: Mapping[str, object], new: Mapping[str, object], absent: str = "None") -> str:
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key)]
    shown = [[repr(one[key]) if key in one else absent for one in (old, new)] for key in keys]
    return "; ".join(f"{key} {before} -> {after}" for key, (before, after) in zip(keys, shown, strict=True))


def _difference(path: Path, old: dict[str, object], new: dict[str, object]) -> str:
    return (
        f"{path} holds a run with other settings ({_changes(old, new)}). "
        "Numbers of different settings do not mix: choose another folder with --out."
    )
