"""A FaceInsight of a few thousand random weights, and what it is fed."""

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    CLIPVisionModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    ViTConfig,
    ViTModel,
)

from faceinsight.assembly import Built, Frozen, Settings, assemble
from faceinsight.graph import Counts
from faceinsight.labels import joint_labels
from faceinsight.prompt import TEMPLATE, Seen
from faceinsight.rules import load_rules
from tasks.registry import QUESTIONS

SIDE, PATCH = 28, 14
WIDE = 0.6
"""Random weights drawn so widely give answers that differ from face to face."""
SEG_KINDS = ("clip", "vit")


def tokenizer():
    texts = [
        TEMPLATE,
        *(asked.render().text for asked in QUESTIONS.values()),
        *[" Yes No Attributes: Young, Male."] * 9,
    ]
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    specials = ["<unk>", "<s>", "</s>", "<pad>", "<image>", "<knowledge>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    backend.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=500, special_tokens=specials, initial_alphabet=alphabet)
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>"
    )


def tower(kind="clip"):
    sizes = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3, "num_attention_heads": 2}
    sizes |= {"image_size": SIDE, "patch_size": PATCH}
    if kind == "vit":
        return ViTModel(ViTConfig(**sizes), add_pooling_layer=True)
    return CLIPVisionModel(CLIPVisionConfig(**sizes))


def frozen(seg="clip", seed=0):
    torch.manual_seed(seed)
    words = tokenizer()
    language = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(words), hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
            initializer_range=0.1, max_position_embeddings=512, bos_token_id=1, eos_token_id=2, pad_token_id=3,
        )
    )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    return Frozen(
        language_model=language.model,
        lm_head=language.lm_head,
        tokenizer=words,
        vision_tower=tower(),
        seg_tower=tower(seg),
        image_processor=CLIPImageProcessorPil(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE}),
        features=lambda labels: torch.randn(len(labels), 16, generator=generator),
    )


def counts(labels, seed=0):
    rng = np.random.default_rng(seed)
    present = torch.from_numpy(rng.random((40, len(labels))) < 0.4).double()
    return Counts((present.T @ present).long(), present.sum(0).long()[:, None].expand(-1, len(labels)))


def build(seg="clip", seed=0, **settings) -> Built:
    labels = joint_labels()
    built = assemble(frozen(seg, seed), Settings(**settings), labels, load_rules(), counts(labels), seed)
    torch.manual_seed(seed)
    for weight in built.model.parameters():
        if weight.requires_grad:
            torch.nn.init.normal_(weight, std=WIDE / 4)
    built.model.eval()
    return built


def checkpoint(folder, **words):
    """A whole one in a folder."""
    built = build(**words)
    built.model.save_pretrained(folder)
    built.processor.save_pretrained(folder)
    return folder


def face(seed, size=(40, 40)):
    rng = np.random.default_rng(seed)
    picture = Image.fromarray(rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))
    classes = Image.fromarray(rng.integers(0, 19, (size[1], size[0]), dtype=np.uint8))
    return Seen(picture, classes)


def inputs(built, texts, padding_side="left"):
    faces = [face(seed) for seed in range(len(texts))]
    maps = [one.classes for one in faces] if built.model.config.seg_config is not None else None
    prompts = [TEMPLATE.replace("{question}", text) for text in texts]
    return built.processor(
        images=[[one.picture] for one in faces], text=prompts, maps=maps, padding=True, padding_side=padding_side,
        return_tensors="pt",
    )  # fmt: skip
