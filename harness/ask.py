"""`python -m harness ask`: one model about one's own photographs."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.engines.asks import answers as answered
from harness.errors import ConfigError, ImageError
from harness.images import digest, read
from harness.overrides import Choices, of_models
from harness.plan import first_of_each
from harness.records import Answers, Decoding, ImageRef, Parsed, Request, Response, request_key
from harness.score import predict
from tasks.asks import offer
from tasks.labels import label_space
from tasks.registry import Question, questions_of

LIKELIEST = 5
"""Labels whose evidence is shown."""
TINY_NOTE = "Miniature, trained on drawn toy faces: on a photograph its answer says nothing about the real model."


def ask_about(
    model: str,
    images: Sequence[Path],
    task: str,
    decoding: Decoding,
    options: EngineOptions,
    protocol: Choices | None = None,
    answers: Answers = "text",
) -> bool:
    """Ask each question of the task about each photograph; return whether all were answered.

    Raises:
        UnknownNameError: no such model or task, or no such field of a model's protocol.
        ImageError: a photograph that cannot be read; nothing is asked then.
    """
    console = Console()
    own = of_models(protocol or {}, [model], options.profile).get(model, {})
    chosen = spec(model).chosen(options.profile, own)
    questions = _distinct(task)
    requests = [_request(image, asked, decoding, answers) for image in images for asked in questions]
    engine = open_engine(chosen, options)
    responses = {row.key: row for batch in answered(engine, model, requests, decoding) for row in batch}
    if options.profile == "tiny":
        console.print(TINY_NOTE, style="yellow", soft_wrap=True)
    pairs = [(image, asked) for image in images for asked in questions]
    for request, (image, asked) in zip(requests, pairs, strict=True):
        _show(console, image, asked, request, responses[request.key])
    return all(row.finish != "failed" for row in responses.values())


def _distinct(task: str) -> list[Question]:
    """The task's questions, each wording once: FairFace and UTKFace ask for the age in the same way."""
    return first_of_each(questions_of([task]), lambda asked: asked.prompt)


def _request(path: Path, asked: Question, decoding: Decoding, answers: Answers) -> Request:
    if path.is_dir():
        raise ConfigError(f"{path} is a folder: name the photographs themselves, such as {path}/*.jpg")
    ref = ImageRef(path=path)
    try:
        pixels = digest(read(ref))
    except ImageError as error:
        raise ImageError(f"{error}. Nothing was asked.") from error
    text, asks = asked.render().text, offer(asked).asks if answers == "choice" else ()
    key = request_key(pixels, text, decoding, asks)
    return Request(key=key, sample_id=path.name, image=ref, text=text, space=asked.space, asks=asks)


def _show(console: Console, image: Path, asked: Question, request: Request, response: Response) -> None:
    found = predict(response, label_space(asked.space))
    lines = {
        "image": str(image),
        "question": asked.name,
        "prompt": _prompt(request, response),
        "answer": response.text if response.finish != "failed" else f"(failed: {response.error})",
        **({"saw": f"{response.image_tokens:,} image tokens"} if response.image_tokens else {}),
        **_evidence(response),
        "status": found.status,
        **_labels(found),
    }
    for name, value in lines.items():
        console.print(f"{name:>9}  {value}", markup=False, highlight=False, soft_wrap=True)
    console.print()


def _prompt(request: Request, response: Response) -> str:
    """What was asked: of many asks the first, and how many there were."""
    if response.option_mass is None:
        return request.text
    others = len(request.asks) - 1
    return request.asks[0].text + (f" (and {others} more)" if others else "")


def _evidence(response: Response) -> dict[str, str]:
    """The likeliest labels, and how much of the first token's probability was an option's at all."""
    scores = response.label_scores or {}
    best = sorted(scores, key=scores.__getitem__, reverse=True)[:LIKELIEST]
    shown = {"evidence": ", ".join(f"{label} {scores[label]:.1%}" for label in best)} if best else {}
    return shown | ({"options": f"{response.option_mass:.1%}"} if response.option_mass is not None else {})


def _labels(parsed: Parsed) -> dict[str, str]:
    if parsed.label is not None:
        return {"label": parsed.label}
    said = {"yes": parsed.yes, "no": parsed.no}
    shown = {name: ", ".join(values) for name, values in said.items() if values}
    clashes = ", ".join(f"{a} against {b}" for a, b in parsed.contradictions)
    return shown | ({"conflict": clashes} if clashes else {})
