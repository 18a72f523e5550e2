"""The fidelity table of the README, from tests/golden: `python -m benchmarks.fidelity`.

For each model the largest difference between its port and the upstream code over six cases: image tensors, and logits
of sixteen greedy steps in float32 on a CPU. Ids and greedy tokens are equal or not.
"""

from typing import NamedTuple

from safetensors.torch import load_file
from torch import Tensor

from tests import goldens

HEAD = "| model | original code that was run | ids | pixels | logits | 16 greedy tokens |\n|---|---|---|---|---|---|"


class Gap(NamedTuple):
    """How far a case is from upstream."""

    ids: bool
    pixels: float
    logits: float
    tokens: bool


def main() -> None:
    """Print the table, a row per model that has cases."""
    print(HEAD)
    for file in sorted(goldens.FOLDER.glob("*/cases.safetensors")):
        print(row(file.parent.name, load_file(file)))


def row(name: str, wanted: dict[str, Tensor]) -> str:
    """One model as a row of Markdown."""
    note = goldens.note(name)
    gaps = [gap(name, case, wanted) for case in goldens.CASES]
    upstream = note["upstream"].split(",")[0].split(" (")[0]
    same = ["equal" if all(values) else "DIFFERENT" for values in zip(*((g.ids, g.tokens) for g in gaps), strict=True)]
    pixels, logits = (max(values) for values in zip(*((g.pixels, g.logits) for g in gaps), strict=True))
    return f"| {name} | {upstream} @ {note['revision'][:7]} | {same[0]} | {pixels:.0e} | {logits:.0e} | {same[1]} |"


def gap(name: str, case: str, wanted: dict[str, Tensor]) -> Gap:
    """One case of one model."""
    model = goldens.model(name)
    batch = model.batch([model.image(goldens.face(case))], [goldens.CASES[case]])
    tokens, logits = goldens.greedy(model.model, batch)
    start = f"{case}.image."
    fields = [key.removeprefix(start) for key in wanted if key.startswith(start)]
    pixels = [largest(goldens.sample(batch[field]), wanted[start + field].flatten()) for field in fields]
    return Gap(
        ids=batch["input_ids"][0].tolist() == wanted[f"{case}.input_ids"].tolist(),
        pixels=max(pixels),
        logits=largest(logits[0], wanted[f"{case}.logits"]),
        tokens=tokens[0].tolist() == wanted[f"{case}.tokens"].tolist(),
    )


def largest(ours: Tensor, theirs: Tensor) -> float:
    """The largest difference of two tensors of one shape."""
    return float((ours.float() - theirs.float()).abs().max())


if __name__ == "__main__":
    main()
