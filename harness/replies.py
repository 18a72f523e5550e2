"""`python -m harness parse`: replies in, labels out, one line each."""

import json
from collections.abc import Iterable, Iterator
from typing import get_args

from harness.errors import DataError
from harness.records import Finish, Parsed
from tasks.labels import LabelSpace, label_space
from tasks.parse import parse

FINISHES: tuple[Finish, ...] = get_args(Finish)


def parse_lines(lines: Iterable[str], space_name: str) -> Iterator[dict[str, object]]:
    """Parse each line, which is a reply or a JSON object with the field `reply`.

    Raises:
        UnknownNameError: there is no such label space.
        DataError: a JSON line whose `reply` or `finish` is not what it should be.
    """
    space = label_space(space_name)
    for number, line in enumerate(lines, start=1):
        reply, finish = _read(line.rstrip("\r\n"), number)
        yield _shown(parse(reply, space, finish), space)


def _read(line: str, number: int) -> tuple[str, Finish]:
    row = _json_object(line)
    if row is None or "reply" not in row:
        return line, "stop"
    reply = row["reply"]
    finish = next((known for known in FINISHES if known == row.get("finish", "stop")), None)
    if not isinstance(reply, str) or finish is None:
        raise DataError(
            f"line {number} of the input: `reply` must be a text and `finish`, where given, one of "
            f"{', '.join(FINISHES)}; found {line[:200]}"
        )
    return reply, finish


def _json_object(line: str) -> dict[str, object] | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _shown(parsed: Parsed, space: LabelSpace) -> dict[str, object]:
    if space.kind != "attributes":
        return {"status": parsed.status, "label": parsed.label}
    return {
        "status": parsed.status,
        "yes": list(parsed.yes),
        "no": list(parsed.no),
        "contradictions": [list(pair) for pair in parsed.contradictions],
    }
