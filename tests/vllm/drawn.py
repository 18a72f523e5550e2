"""Tiny random checkpoints whose text has heads of 32 numbers at least, as vLLM wants them on a CPU.

They are those the upstream codes wrote (tests/golden/), as they are or with their heads joined in pairs, for which the
same weights do; NVILA's text is drawn anew, and FaceInsight, which has no upstream, altogether.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import Qwen2Config, Qwen2ForCausalLM

from adapters.ports.nvila import NVILAPartsConfig
from adapters.ports.nvila.modeling import NVILAProjector
from tests import goldens
from tests.faceinsight import tiny

AS_THEY_ARE = ("minicpm-llama3-v2.5", "monkey-chat")
PAIRED = ("llava-v1.5-7b", "llava-onevision-7b-si", "mantis-siglip-8b", "qwen2.5-vl-7b", "internvl2.5-8b")
NAMES = (*PAIRED, *AS_THEY_ARE, "nvila-8b", "faceinsight")


def checkpoint(name: str, folder: Path) -> Path:
    """One in a folder that does not exist yet, or the golden one itself."""
    if name in AS_THEY_ARE:
        return goldens.checkpoint(name)
    if name == "faceinsight":
        return tiny.checkpoint(folder, seg="vit")
    if name == "nvila-8b":
        return _in_parts(folder)
    shutil.copytree(goldens.checkpoint(name), folder)
    _rewrite(folder / "config.json", _paired)
    return folder


def _rewrite(file: Path, change) -> dict:
    fields = json.loads(file.read_text())
    change(fields)
    file.write_text(json.dumps(fields))
    return fields


def _paired(fields: dict) -> None:
    text = fields.get("text_config") or fields.get("llm_config") or fields
    for count in ("num_attention_heads", "num_key_value_heads"):
        text[count] //= 2
    text.pop("head_dim", None)
    rope = text.get("rope_scaling") or {}
    if "mrope_section" in rope:
        rope["mrope_section"] = [2 * part for part in rope["mrope_section"]]


def _in_parts(folder: Path) -> Path:
    """NVILA as published, in three folders; its text of 128 numbers, and the projector that gives as many."""
    shutil.copytree(goldens.FOLDER / "nvila-8b" / "parts", folder)
    wide = {"hidden_size": 128}
    _rewrite(folder / "config.json", lambda fields: fields["llm_cfg"].update(wide))
    text = _rewrite(folder / "llm" / "config.json", lambda fields: fields.update(wide))
    whole = NVILAPartsConfig.from_pretrained(folder).whole()
    torch.manual_seed(0)
    parts = {"llm": Qwen2ForCausalLM(Qwen2Config(**text)), "mm_projector": NVILAProjector(whole)}
    for name, part in parts.items():
        for weight in part.parameters():
            if weight.ndim > 1:
                torch.nn.init.normal_(weight, 0, 0.4)
        file = folder / name / "model.safetensors"
        file.unlink()
        save_file(part.state_dict(), file, metadata={"format": "pt"})
    return folder
