"""The task as lmms-eval sees it, in lmms-eval's environment: lines of JSON with `image` and `text`.

benchmarks/contenders.py copies this file beside a task's YAML. The answers, and the seconds from the first picture that
is asked for until the first answer is scored, go to the file that ANSWERS names: lmms-eval itself times `generate`
without what is prepared for it.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

from PIL import Image

_STARTED, _SECONDS = "FACES_STARTED", "FACES_SECONDS"
"""lmms-eval loads this file once for each function; in the environment all of them find the clock."""


def doc_to_visual(doc: dict[str, str]) -> list[Image.Image]:
    """The picture; the first one starts the clock."""
    os.environ.setdefault(_STARTED, str(time.perf_counter()))
    return [Image.open(doc["image"]).convert("RGB")]


def doc_to_text(doc: dict[str, str], lmms_eval_specific_kwargs: Any = None) -> str:
    """The question, word for word."""
    return doc["text"]


def process_results(doc: dict[str, str], results: list[str]) -> dict[str, float]:
    """Keep the answer; the first one stops the clock."""
    took = time.perf_counter() - float(os.environ[_STARTED])
    seconds = float(os.environ.setdefault(_SECONDS, str(took)))
    with Path(os.environ["ANSWERS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"image": doc["image"], "text": results[0], "seconds": seconds}) + "\n")
    return {"answered": float(bool(results[0]))}
