"""The script that somebody without a harness would write: load a checkpoint, answer questions, print the answers.

    OMP_NUM_THREADS=1 python benchmarks/bare.py CHECKPOINT QUESTIONS.jsonl [--batch-size 8] [--dtype float32]

Each line of the questions is an object with `image` and `text`. Nothing of the harness is imported, so that what the
harness costs can be seen beside it. Prints one object a line, {"text": ...}, and last {"seconds": ...} of the answering
alone, loading left out.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor


def load(source: str, dtype: str, pixels: int | None) -> tuple[Any, Any]:
    """Processor and model, as transformers' documentation shows it."""
    processor: Any = AutoProcessor.from_pretrained(source)
    if pixels:
        processor.image_processor.size = {"shortest_edge": pixels, "longest_edge": pixels}
    processor.tokenizer.padding_side = "left"
    return processor, AutoModelForImageTextToText.from_pretrained(source, dtype=dtype).eval()


@torch.inference_mode()
def answers(processor: Any, model: Any, questions: Sequence[dict[str, str]], tokens: int) -> list[str]:
    """One batch."""
    pictures = [[Image.open(one["image"]).convert("RGB")] for one in questions]
    said = [
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": one["text"]}]}] for one in questions
    ]
    prompts = [processor.apply_chat_template(one, add_generation_prompt=True) for one in said]
    inputs = processor(images=pictures, text=prompts, padding=True, return_tensors="pt").to(model.device, model.dtype)
    output = model.generate(**inputs, max_new_tokens=tokens, do_sample=False)
    texts: list[str] = processor.batch_decode(output[:, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    return texts


def main() -> None:
    """Load, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint")
    parser.add_argument("questions", type=Path)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument(
        "--pixels", type=int, help="the area every picture is scaled to, for models that let one choose"
    )
    options = parser.parse_args()
    questions = [json.loads(line) for line in options.questions.read_text(encoding="utf-8").splitlines()]
    processor, model = load(options.checkpoint, options.dtype, options.pixels)
    started = time.perf_counter()
    for start in range(0, len(questions), options.batch_size):
        for text in answers(processor, model, questions[start : start + options.batch_size], options.tokens):
            sys.stdout.write(json.dumps({"text": text}) + "\n")
    sys.stdout.write(json.dumps({"seconds": time.perf_counter() - started}) + "\n")


if __name__ == "__main__":
    main()
