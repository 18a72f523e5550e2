"""What a run will need and take, said before anything is loaded: checkpoints, disk, memory, requests, time."""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from adapters.spec import ModelSpec
from harness.checkpoints import Whereabouts, hub_folder, offline, whereabouts
from harness.devices import Device
from harness.engines import EngineOptions
from harness.memory import ALLOWANCE_GB, parameters, width
from harness.plan import Asked, PlannedQuestion
from harness.records import Record
from harness.roofline import gpu_of, guess
from harness.runner import pending
from harness.speeds import Speed, read_speeds
from harness.store import RunFolder


class Duration(Record):
    """An estimate of time."""

    seconds: float | None = None
    basis: Literal["measured", "guess", "unknown"] = "unknown"
    """measured: from a speed of the same model, profile and device; guess: from a data sheet (harness/roofline.py)."""


class ModelForecast(Record):
    """What one model will need and take."""

    model: str
    endpoint: str | None = None
    """The address of a model that is not run here."""
    checkpoint: Whereabouts
    memory_gb: float | None
    """None where nobody knows how many parameters it has."""
    planned: int
    left: int
    """Of `planned`, those that are still to be asked."""
    time: Duration


class Forecast(Record):
    """What a run will need and take."""

    profile: str
    device: Device
    hub: Path
    """The Hugging Face cache, into which missing checkpoints go."""
    free_gb: float
    """On the disk of that cache."""
    models: tuple[ModelForecast, ...]
    warnings: tuple[str, ...]
    """What does not fit, each with its cure."""

    @property
    def missing_gb(self) -> float:
        """To be downloaded, as far as it is known."""
        return sum(one.checkpoint.missing_gb or 0.0 for one in self.models)


def forecast(
    specs: Mapping[str, ModelSpec],
    options: EngineOptions,
    device: Device,
    folder: RunFolder,
    asked: Asked,
    retry_failed: bool = False,
) -> Forecast:
    """Look at checkpoints, disk, the run folder and earlier speeds on this device; nothing is loaded or written."""
    speeds = {speed.key: speed for speed in read_speeds()}
    asks = {item.kind: max(len(item.asks), 1) for own in asked.values() for item in own}
    found = []
    for name, spec in specs.items():
        left = _left(folder, name, asked[name], retry_failed)
        billions = parameters(spec, options)
        each = width(options.dtype, device)
        batch = options.batch_size or spec.batch_size[options.profile]
        found.append(
            ModelForecast(
                model=name,
                endpoint=spec.endpoint.url if spec.endpoint else None,
                checkpoint=_checkpoint(spec, options),
                memory_gb=None if billions is None else billions * each + ALLOWANCE_GB,
                planned=sum(len(item.first) for item in asked[name]),
                left=left.total(),
                time=_measured(name, options.profile, device, left, speeds)
                or _guessed(billions, each, batch, device, Counter({kind: left[kind] * asks[kind] for kind in left})),
            )
        )
    hub = hub_folder()
    seen = Forecast(
        profile=options.profile, device=device, hub=hub, free_gb=_free(hub), models=tuple(found), warnings=()
    )
    return seen.model_copy(update={"warnings": tuple(_warnings(seen, options))})


def _left(folder: RunFolder, model: str, planned: Sequence[PlannedQuestion], retry_failed: bool) -> Counter[str]:
    """Kind of question -> how many requests no answer is stored for."""
    left: Counter[str] = Counter()
    for item in planned:
        left[item.kind] += len(pending(folder, model, item, retry_failed))
    return left


def _checkpoint(spec: ModelSpec, options: EngineOptions) -> Whereabouts:
    if spec.endpoint:
        return Whereabouts(place="endpoint")
    return whereabouts(spec.source(options.profile), _size(spec, options))


def _size(spec: ModelSpec, options: EngineOptions) -> float | None:
    """Gigabytes of the published repository; nobody knows those of another checkpoint."""
    return spec.size_gb if spec.source(options.profile) == spec.repo else None


def _measured(
    model: str, profile: str, device: Device, left: Counter[str], speeds: Mapping[tuple[str, str, str, str], Speed]
) -> Duration | None:
    """None where a kind of question that is left has no speed."""
    kinds = {task: speeds.get((model, profile, task, device.name)) for task, count in left.items() if count}
    times = [left[task] / speed.rate for task, speed in kinds.items() if speed]
    return Duration(seconds=sum(times), basis="measured") if len(times) == len(kinds) else None


def _guessed(billions: float | None, each: int, batch: int, device: Device, left: Counter[str]) -> Duration:
    sheet = gpu_of(device.name) if device.kind == "gpu" else None
    if sheet is None or billions is None:
        return Duration()
    return Duration(seconds=guess(sheet, billions, each, batch, left) / device.cards, basis="guess")


def _free(folder: Path) -> float:
    """Free gigabytes where the folder is, or would be made."""
    there = next(place for place in (folder, *folder.parents) if place.exists())
    return shutil.disk_usage(there).free / 1e9


def _warnings(seen: Forecast, options: EngineOptions) -> Iterator[str]:
    at_work = [one for one in seen.models if one.left]
    if seen.device.kind == "none":
        yield f"there is no device '{seen.device.name}' here: --device auto takes what is there, --device cpu the CPU."
    missing = [one.model for one in at_work if one.checkpoint.place in ("hub", "partial")]
    needed = sum(one.checkpoint.missing_gb or 0.0 for one in at_work)
    if needed > seen.free_gb:
        yield (
            f"{needed:.1f} GB are to be downloaded and {seen.hub} has {seen.free_gb:.1f} GB free: free some, set "
            "HF_HUB_CACHE to a folder on a larger disk, or ask fewer models with --models."
        )
    if missing and offline():
        yield (
            f"{', '.join(missing)} must be downloaded, which HF_HUB_OFFLINE forbids: unset it, or name a folder that "
            f"holds the weights: --models {missing[0]}@FOLDER."
        )
    for one in at_work:
        if one.checkpoint.place == "absent":
            yield f"{one.model}: there is no such folder, and no repository can have that name: correct --models."
    yield from _too_large(at_work, seen.device, options)


def _too_large(models: Sequence[ModelForecast], device: Device, options: EngineOptions) -> Iterator[str]:
    free = device.memory_gb
    large = [f"{one.model} ({one.memory_gb:.1f} GB)" for one in models if free and (one.memory_gb or 0) > free]
    if large:
        narrower = "--dtype bfloat16 halves that, " if width(options.dtype, device) > 2 else ""
        yield (
            f"too large for the {free:.1f} GB of memory of {device.name}: {', '.join(large)}. "
            f"{narrower}--device names another device, --models leaves a model out."
        )
