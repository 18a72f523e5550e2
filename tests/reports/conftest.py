"""A made-up run: drawn pictures, answers of every status, hostile text. No model, no parser, no scorer is needed."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from sklearn.metrics import average_precision_score, precision_recall_fscore_support

from harness.records import METRICS, STATUSES, Case, Estimate, ImageRef, Mention, Prediction, Response, Score
from harness.store import quoted

MODELS = ("qwen2.5-vl-7b", "llava-v1.5-7b", "mantis-siglip-8b", "llava-onevision-7b-si")
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
RACES = ("White", "Black", "Latino_Hispanic", "East Asian", "Southeast Asian", "Indian", "Middle Eastern")
FAIR_AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
UTK_AGES = ("0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70+")
ATTRIBUTES = {
    "Smiling": "smiling",
    "Eyeglasses": "glasses",
    "Bangs": "bangs",
    "No_Beard": "no beard",
    "Goatee": "a goatee",
    "Black_Hair": "black hair",
    "Wavy_Hair": "wavy hair",
    "Young": "a young face",
    "Wearing_Hat": "a hat",
    "Bushy_Eyebrows": "bushy eyebrows",
    "Male": "a man",
    "Heavy_Makeup": "heavy makeup",
}
LABELS = {
    "maad": None,
    "celeba": None,
    "fairface.age": FAIR_AGES,
    "fairface.gender": ("Male", "Female"),
    "fairface.race": RACES,
    "utkface.age": UTK_AGES,
    "utkface.gender": ("Male", "Female"),
    "utkface.race": ("White", "Black", "Asian", "Indian", "Others"),
    "expw": EXPRESSIONS,
    "raf-db": EXPRESSIONS,
}
TASKS = {"maad": "attr", "celeba": "attr", "fairface": "agr", "utkface": "agr", "expw": "expr", "raf-db": "expr"}
SCRIPT = "<script>alert('gotcha')</script>"
BIDI = 'evil \u202egnp.exe\u202c \u200b\x07\x1b[31m "quoted" & <img src=x onerror=alert(1)> https://evil.example/x.png'
MEGABYTE = "x<b>" * 262_144
RIGHT_RATES = (0.85, 0.55, 0.7, 0.35)


def question(name):
    """The row of run.json for one question."""
    dataset = name.split(".")[0]
    return {"name": name, "task": TASKS[dataset], "dataset": dataset, "space": name, "prompt": f"{TASKS[dataset]}/x"}


def draw(path, seed):
    """A drawn face, different for each seed."""
    rng = np.random.default_rng(seed)
    colour = tuple(int(c) for c in rng.integers(60, 220, 3))
    image = Image.new("RGB", (200, 200), tuple(255 - c // 2 for c in colour))
    pen = ImageDraw.Draw(image)
    pen.ellipse((40, 30, 160, 180), fill=colour, outline="black", width=3)
    for x in (75, 110):
        pen.ellipse((x, 80, x + 15, 95), fill="white", outline="black", width=2)
    pen.arc((75, 110, 125, 150), 20 + seed % 3 * 180, 160 + seed % 3 * 180, fill="black", width=4)
    image.save(path, "JPEG")


def make_run(
    folder: Path, samples=20, models=MODELS, questions=tuple(LABELS), profile="tiny", seed=0, evidence=()
) -> Path:
    """Write a finished run with answers of every status and hostile texts in the first question of each kind.

    The models in `evidence` give some for all samples, or for as many as the mapping says.
    """
    rng = np.random.default_rng(seed)
    (folder / "faces").mkdir(parents=True)
    for number in range(samples):
        draw(folder / "faces" / f"{number}.jpg", number)
    scores = []
    for name in questions:
        items = [_item(folder, name, number, rng) for number in range(samples)]
        _write(folder / "samples" / f"{name}.jsonl", items)
        for place, model in enumerate(models):
            answers = [_answer(name, item, number, RIGHT_RATES[place % 4], rng) for number, item in enumerate(items)]
            _write(folder / "responses" / quoted(model) / f"{name}.jsonl", [a for a, _ in answers])
            predictions = [p for _, p in answers]
            if model in evidence:
                predictions = _believe(name, items, predictions, evidence[model], RIGHT_RATES[place % 4])
            _write(folder / "predictions" / quoted(model) / f"{name}.jsonl", predictions)
            scores.append(_score(model, name, items, predictions))
    (folder / "scores.json").write_text(json.dumps([score.model_dump() for score in scores]))
    (folder / "run.json").write_text(json.dumps(_manifest(models, questions, profile, samples)))
    return folder


def _manifest(models, questions, profile, samples):
    text = "Analyze the facial features in this image."
    return {
        "name": "made-up",
        "profile": profile,
        "models": list(models),
        "tasks": ["attr", "agr", "expr"],
        "questions": [question(name) for name in questions],
        "prompts": {name: {"template": "x.j2", "template_hash": "ab12cd34", "text": text} for name in questions},
        "decoding": {"max_new_tokens": 256, "temperature": 0.0, "stop": [], "seed": 0},
        "limit": samples,
        "seed": 0,
        "data_root": "toy",
        "versions": {"python": "3.11.9", "torch": "2.13.0", "transformers": "5.19.0", "git": "0123abc"},
        "engines": {"llava-v1.5-7b": {"engine": "transformers", "device": "cpu", "batch_size": 8}},
        "started": "2026-11-23T14:00:00Z",
        "command": ["python", "-m", "harness", "run", "--models", "all", "--tasks", "attr,agr,expr"],
    }


def _item(folder, name, number, rng):
    labels = LABELS[name]
    if labels is None:
        drawn = rng.random(len(ATTRIBUTES))
        gold = {
            label: bool(d < 0.45) for label, d in zip(ATTRIBUTES, drawn, strict=True) if name == "celeba" or d < 0.8
        }
    else:
        gold = labels[min(int(rng.exponential(len(labels) / 3)), len(labels) - 1)]
    path = folder / "faces" / ("gone.jpg" if number == 7 else f"{number}.jpg")
    sample_id = f"{number:06d}.jpg" if number != 3 else f"{SCRIPT}{number}.jpg"
    text = "Analyze the facial features in this image."
    return Case(key=f"{name}-{number}", sample_id=sample_id, image=ImageRef(path=path), gold=gold, text=text)


def _answer(name, item, number, rate, rng):
    key, sample_id = item.key, item.sample_id
    kind = {1: "refused", 4: "ambiguous", 5: "unparsed", 6: "truncated", 7: "failed"}.get(number, "parsed")
    if kind == "failed" or (kind != "parsed" and rng.random() < 0.5):
        text = "" if kind == "failed" else f"I am {kind}. {BIDI if kind == 'unparsed' else ''}"
        error = "image gone.jpg does not exist" if kind == "failed" else None
        finish = {"failed": "failed", "truncated": "length"}.get(kind, "stop")
        if kind == "unparsed":
            text += SCRIPT + MEGABYTE if name == "celeba" and rate > 0.8 else SCRIPT
        return (
            Response(key=key, sample_id=sample_id, text=text, finish=finish, error=error),
            Prediction(key=key, sample_id=sample_id, status=kind),
        )
    return (_describe if isinstance(item.gold, dict) else _choose)(name, item, rate, rng)


def _describe(name, item, rate, rng):
    text, mentions, yes, no = "The picture shows", [], [], []
    for label, words in ATTRIBUTES.items():
        truth = item.gold.get(label, bool(rng.random() < 0.5))
        if rng.random() < 0.2:
            continue
        value = truth if rng.random() < rate else not truth
        phrase = words if value else f"not {words}"
        text += " "
        mentions.append(Mention(start=len(text), end=len(text) + len(phrase), label=label, value=value))
        text += phrase + ","
        (yes if value else no).append(label)
    text = text[:-1] + "."
    pairs = (("No_Beard", "Goatee"),) if {"No_Beard", "Goatee"} <= set(yes) else ()
    return (
        Response(key=item.key, sample_id=item.sample_id, text=text, finish="stop"),
        Prediction(
            key=item.key,
            sample_id=item.sample_id,
            status="parsed",
            yes=yes,
            no=no,
            contradictions=pairs,
            mentions=mentions,
        ),
    )


def _choose(name, item, rate, rng):
    label = item.gold if rng.random() < rate else str(rng.choice(LABELS[name]))
    before = "Looking at the picture, my answer is "
    mention = Mention(start=len(before), end=len(before) + len(label), label=label, value=True)
    return (
        Response(key=item.key, sample_id=item.sample_id, text=f"{before}{label}.", finish="stop"),
        Prediction(key=item.key, sample_id=item.sample_id, status="parsed", label=label, mentions=(mention,)),
    )


def _believe(name, items, predictions, count, rate):
    """Evidence for the first `count` answers that did not fail, better with a higher rate, in coarse steps."""
    rng, left, found = np.random.default_rng(count), count, []
    for item, prediction in zip(items, predictions, strict=True):
        if prediction.status != "failed" and left:
            left -= 1
            scores = {
                x: round(0.4 * rate * _holds(item.gold, x) + (1 - 0.4 * rate) * rng.random(), 1) for x in _labels(name)
            }
            prediction = prediction.model_copy(update={"label_scores": scores})
        found.append(prediction)
    return found


def _labels(name):
    return LABELS[name] or tuple(ATTRIBUTES)


def _holds(gold, label):
    return gold.get(label, False) if isinstance(gold, dict) else gold == label


def _ranking(name, pairs):
    """What a score says of evidence."""
    pairs = [(gold, p.label_scores) for gold, p in pairs if p.label_scores]
    precisions, rates = {}, {}
    for label in _labels(name):
        cells = [(_holds(gold, label), s[label]) for gold, s in pairs if isinstance(gold, str) or label in gold]
        if len({truth for truth, _ in cells}) == 2:
            truth, evidence = zip(*cells, strict=True)
            precisions[label] = float(average_precision_score(truth, evidence))
            rates[label] = float(np.mean(truth))
    if not precisions:
        return {"ranked": len(pairs)}
    return {
        "ranked": len(pairs),
        "mean_average_precision": _interval(float(np.mean(list(precisions.values()))), len(pairs)),
        "mean_base_rate": float(np.mean(list(rates.values()))),
        "average_precision": precisions,
        "base_rates": rates,
    }


def _score(model, name, items, predictions):
    counted = Counter(p.status for p in predictions)
    n = len(items)
    pairs = [(i.gold, p) for i, p in zip(items, predictions, strict=True) if p.status != "failed"]
    kinds = LABELS[name] is None
    values = (
        _attribute_metrics(pairs)
        if kinds
        else _label_metrics([g for g, _ in pairs], [p.label or "?" for _, p in pairs])
    )
    common = Counter(g for g, _ in pairs).most_common(1)[0][0] if not kinds else ""
    base = (
        {"accuracy": 0.55, "precision": 0.0, "recall": 0.0, "f1": 0.0}
        if kinds
        else _label_metrics([g for g, _ in pairs], [common] * len(pairs))
    )
    return Score(
        model=model,
        question=name,
        n=n,
        scored=n - counted["failed"],
        counts={status: counted[status] for status in STATUSES},
        metrics={m: _interval(v, n) for m, v in values.items()},
        answered={m: min(v * 1.1, 1.0) for m, v in values.items()},
        baseline=base,
        baseline_name="all negative" if kinds else f"always {common}",
        coverage=(0.8 if name == "maad" else 1.0) if kinds else None,
        contradiction_rate=sum(bool(p.contradictions) for _, p in pairs) / n if kinds else None,
        gold_contradiction_rate=0.031 if kinds else None,
        **_ranking(name, pairs),
    )


def _interval(value, n):
    half = 1.96 * (value * (1 - value) / n) ** 0.5
    return Estimate(value=value, low=max(value - half, 0.0), high=min(value + half, 1.0))


def _label_metrics(gold, said):
    labels = sorted(set(gold))
    p, r, f, _ = precision_recall_fscore_support(gold, said, labels=labels, average="macro", zero_division=0)
    accuracy = float(np.mean([a == b for a, b in zip(gold, said, strict=True)]))
    return dict(zip(METRICS, (accuracy, float(p), float(r), float(f)), strict=True))


def _attribute_metrics(pairs):
    right = [(label in p.yes) == present for gold, p in pairs for label, present in gold.items()]
    f1 = 0.9 * float(np.mean(right))
    return {"accuracy": float(np.mean(right)), "precision": f1 * 1.02, "recall": f1 * 0.97, "f1": f1}


def _write(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(row.model_dump_json() + "\n" for row in rows), encoding="utf-8")


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """The made-up run, finished; shared, so leave it as it is."""
    return make_run(tmp_path_factory.mktemp("runs") / "made-up")


@pytest.fixture(scope="session")
def written(run_folder):
    """The report of the made-up run, as text."""
    from reports import page

    return page.write(run_folder).read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def ranked_folder(tmp_path_factory):
    """A run in which two of four models have evidence, one of them for 12 samples only; leave it as it is."""
    folder = tmp_path_factory.mktemp("runs") / "ranked"
    evidence = {"mantis-siglip-8b": 20, "qwen2.5-vl-7b": 12}
    return make_run(folder, questions=("maad", "celeba", "fairface.race"), evidence=evidence)


@pytest.fixture
def small_run(tmp_path):
    """A run of two models and two questions of 8 samples, to break at will."""
    return make_run(tmp_path / "small", samples=8, models=MODELS[:2], questions=("celeba", "expw"))


@pytest.fixture(scope="session")
def hostile():
    """The hostile texts that the made-up run holds."""
    return {"script": SCRIPT, "bidi": BIDI, "megabyte": MEGABYTE}
