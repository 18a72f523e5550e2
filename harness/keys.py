"""Keys with dots, such as datasets.expw.margin, and the tables within tables that they stand for."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

OPEN = "protocol"
"""The table whose own keys are names of models, which hold dots: protocol.qwen2.5-vl-7b.max_pixels."""


def is_open(key: str) -> bool:
    """Whether a key is OPEN.MODEL.FIELD."""
    return len(_steps(key)) == 3 and all(_steps(key)) and key.startswith(f"{OPEN}.")


def of(kind: type[BaseModel]) -> list[str]:
    """Every key of a record, tables included, as it is written in a file."""
    return [key for key, _ in _fields(kind)]


def tables(kind: type[BaseModel]) -> set[str]:
    """The keys that hold keys."""
    return {key.rpartition(".")[0] for key in of(kind)} - {""}


def leaves(kind: type[BaseModel]) -> list[str]:
    """The keys that hold a value."""
    return [key for key in of(kind) if key not in tables(kind)]


def paths(kind: type[BaseModel]) -> set[str]:
    """The keys whose values are paths."""
    return {key for key, field in _fields(kind) if Path in (field.annotation, *get_args(field.annotation))}


def spelt(kind: type[BaseModel], values: Mapping[str, Any]) -> dict[str, Any]:
    """Flat, and each key as the file has it: a variable's name cannot hold the hyphen of raf-db."""
    names = {key.replace("-", "_"): key for key in of(kind)}
    return {names.get(key.replace("-", "_"), key): value for key, value in flat(values).items()}


def flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Tables within tables as keys with dots; a table that holds nothing is none."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= flat(value, f"{before}{key}.") if isinstance(value, Mapping) else {f"{before}{key}": value}
    return found


def nested(values: Mapping[str, Any]) -> dict[str, Any]:
    """Keys with dots as tables within tables."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        *tables, last = _steps(key)
        inner = found
        for table in tables:
            inner = inner.setdefault(table, {})
        inner[last] = value
    return found


def _steps(key: str) -> list[str]:
    if not key.startswith(f"{OPEN}."):
        return key.split(".")
    model, _, field = key.removeprefix(f"{OPEN}.").rpartition(".")
    return [OPEN, model, field]


def _fields(kind: type[BaseModel], before: str = "") -> Iterator[tuple[str, FieldInfo]]:
    for name, field in kind.model_fields.items():
        if name == OPEN:
            continue  # it has the keys that are given, and no others
        key = f"{before}{field.alias or name}"
        yield key, field
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from _fields(field.annotation, f"{key}.")
