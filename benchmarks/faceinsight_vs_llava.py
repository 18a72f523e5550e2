"""FaceInsight's miniature beside a LLaVA on the same frozen parts, trained on the same faces for the same steps.

    OMP_NUM_THREADS=1 python -m benchmarks.faceinsight_vs_llava [--seed 0]

The LLaVA is transformers' own with the frozen Llama and CLIP of FaceInsight's miniature. Its projector alone learns, as
in LLaVA's first stage and as FaceInsight's adapters do, by the language-model loss on the very answers FaceInsight
gives. Faces, draws, questions, batch, steps and schedule are FaceInsight's; of two rates LLaVA may take the better.
Both answer in words, which the parser reads. The shipped LLaVA miniature, all of whose weights learnt, stands beside.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import torch
from transformers import LlavaConfig, LlavaForConditionalGeneration, LlavaProcessor

from adapters.spec import MINIATURES
from faceinsight.assembly import Frozen, Settings, assemble, frozen_half
from faceinsight.lessons import TRUTH, Lessons, WeightedDraws
from faceinsight.prepare import material
from faceinsight.recipe import Recipe, load_recipe
from faceinsight.rules import Rules
from faceinsight.sampling import weights
from harness.engines.quiet import quiet
from harness.maps import NAME as MAPS
from harness.miniatures import corpus, evaluate
from harness.places import cache_folder
from harness.toys import TEST_SEED, toy_root, training_faces
from harness.train import RECIPES

RATES = (2e-3,)
TEST_FACES = 200


def train_llava(frozen: Frozen, recipe: Recipe, rate: float, folder: Path, seed: int) -> Path:
    """Train the projector and write a checkpoint that the LLaVA adapter reads; what is there is not trained again."""
    if (folder / "config.json").is_file():
        return folder
    found = material(recipe, training_faces())
    built = assemble(
        frozen, Settings(segmentation=False, gcn_layers=0, logic_weight=0), found.train.joint, Rules(), seed=seed
    )
    processor, model = built.processor, built.model
    processor.characteristics = 0  # LLaVA's prompt: no knowledge tokens
    plan = recipe.training
    lessons = Lessons(found.train, processor, None, plan.seed, written=True, keep=True)
    draws = list(WeightedDraws(weights(found.train, recipe.data.shares), plan.steps * plan.batch, plan.seed))
    learning = list(model.model.multi_modal_projector.parameters())
    optimiser = torch.optim.AdamW(learning, lr=rate, weight_decay=plan.weight_decay)
    warm = int(plan.warmup * plan.steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda step: min(
            step / max(warm, 1), 0.5 * (1 + math.cos(math.pi * max(0, step - warm) / (plan.steps - warm)))
        ),
    )
    for step in range(plan.steps):
        batch = lessons.collate([lessons[draw] for draw in draws[step * plan.batch : (step + 1) * plan.batch]])
        known = {name: value for name, value in batch.items() if name not in TRUTH}
        loss = model(**known).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, plan.clip)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if (step + 1) % 100 == 0:
            print(f"llava at {rate:g}: step {step + 1} of {plan.steps}, loss {float(loss.detach()):.4f}", flush=True)
    _save(model, processor, folder)
    return folder


def _save(model: Any, processor: Any, folder: Path) -> None:
    config = model.config
    llava = LlavaForConditionalGeneration(
        LlavaConfig(
            vision_config=config.vision_config.to_dict(),
            text_config=config.text_config.to_dict(),
            image_token_index=config.image_token_index,
        )
    )
    own = model.state_dict()
    llava.load_state_dict({name: own[name] for name in llava.state_dict()})
    LlavaProcessor(
        image_processor=processor.image_processor,
        tokenizer=processor.tokenizer,
        patch_size=processor.patch_size,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
    ).save_pretrained(folder)
    llava.save_pretrained(folder)


def main() -> None:
    """Train what is missing and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    quiet()
    torch.set_num_threads(1)
    recipe = load_recipe(RECIPES / "tiny.toml", Recipe)
    own = MINIATURES / "faceinsight"
    root = toy_root(1, TEST_FACES, TEST_SEED)
    lessons = corpus.lessons(root, "test")
    rows = {"faceinsight": ("faceinsight", own)}
    for rate in RATES:
        folder = cache_folder() / "llava-beside-faceinsight" / f"rate{rate:g}-seed{seed}-steps{recipe.training.steps}"
        rows[f"llava, projector, {rate:g}"] = (
            "llava-v1.5-7b",
            train_llava(frozen_half(own), recipe, rate, folder, seed),
        )
    rows["llava, shipped"] = ("llava-v1.5-7b", MINIATURES / "llava-v1.5-7b")
    found = {
        name: evaluate.evaluate(evaluate.load(model, place, root / MAPS), lessons)
        for name, (model, place) in rows.items()
    }
    print(f"| question | constant | {' | '.join(found)} |\n|---|---|{'---|' * len(found)}")
    for question, first in found["faceinsight"].items():
        cells = " | ".join(f"{figures[question].accuracy:.3f}" for figures in found.values())
        print(f"| {question} | {first.baseline:.3f} | {cells} |")


if __name__ == "__main__":
    main()
