"""Made-up trials: what a finished ablation leaves, with hostile names on demand."""

import json

import numpy as np

from harness.trials import VARIANTS, Trial, Trials, at_omega
from tasks.labels import label_space

OMEGAS = (0.0, 0.2, 0.5, 0.8, 1.0)
FULL = VARIANTS[3]
LIFT = {"org": 0.0, "org+seg": 0.03, "org+seg+corr": 0.05, FULL: 0.051}
NAMES = label_space("celeba").display
EVIL = "<script>alert(1)</script>|`x`\n# $y$ [a](http://evil.example) \u202e"


def trial(variant="org", seed=0, condition="standard", labels=tuple(NAMES[:6]), omega=None, **changed):
    """One trial; the same arguments give the same numbers."""
    rng = np.random.default_rng([seed, len(variant), len(condition), int(100 * (omega or 0))])
    lift = LIFT.get(variant.partition("@")[0], 0.02) - (0.06 * (omega - 0.8) ** 2 if omega is not None else 0)
    present = {label: 0.05 + 0.9 * place / len(labels) for place, label in enumerate(labels)}
    right = {x: float(np.clip(max(p, 1 - p) + lift + rng.normal(0, 0.02), 0, 1)) for x, p in present.items()}
    ranked = {x: float(np.clip(0.7 + 2 * lift + rng.normal(0, 0.04), 0, 1)) for x in labels}
    made = {
        "variant": variant,
        "condition": condition,
        "seed": seed,
        "omega": omega,
        "questions": ("celeba",),
        "faces": 400,
        "accuracy": float(np.mean(list(right.values()))),
        "mean_average_precision": float(np.mean(list(ranked.values()))),
        "accuracy_by_label": right,
        "precision_by_label": ranked,
        "present_by_label": present,
        "impossible": float(np.clip(0.3 - 4 * lift + rng.normal(0, 0.02), 0, 1)),
        "incomplete": float(np.clip(0.1 - lift + rng.normal(0, 0.01), 0, 1)),
        "broken": {"No Beard excludes Goatee": 0.2 - lift, "Bald excludes Bangs": 0.0},
        "steps": 936,
        "seconds": 240.5 + seed,
        "config": {"lr": 0.002, "tau": 0.4, "parts": variant, "omega": omega},
    }
    return Trial(**{**made, **changed})


def ablation(labels=tuple(NAMES[:6]), seeds=(0, 1, 2), condition="standard"):
    """Four variants and five omegas on some seeds; the full variant itself is at omega 0.8."""
    parts = [
        trial(variant, seed, condition, labels, 0.8 if "corr" in variant else None)
        for variant in VARIANTS
        for seed in seeds
    ]
    swept = [trial(at_omega(FULL, w), s, condition, labels, w) for w in OMEGAS if w != 0.8 for s in seeds]
    return [*parts, *swept]


def written(folder, trials, **about):
    """The folder of an ablation."""
    for each in trials:
        Trials(folder).write(each)
    content = {"profile": "tiny", "title": "Ablation", "command": ["python", "-m", "harness", "ablate"], **about}
    (folder / "ablation.json").write_text(json.dumps({"versions": {"torch": "2.13.0"}, **content}))
    return folder
