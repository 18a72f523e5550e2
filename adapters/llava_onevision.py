"""LLaVA-OneVision (single image): the qwen_1_5 conversation it was trained with; tiles as the processor cuts them.

Source: LLaVA-VL/LLaVA-NeXT, llava/conversation.py (qwen_1_5), anyres_max_9.
"""

from adapters.hf import ChatModel
from adapters.on_vllm import OnVllm


class LlavaOnevision(ChatModel):
    """SigLIP so400m/14-384 and Qwen2."""

    template = (
        "<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\n<image>\n{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>", "<|endoftext|>")
    on_vllm = OnVllm(
        pictures={"pixel_values": "pixel_values", "image_sizes": "image_sizes"}, on_cpu=frozenset({"image_sizes"})
    )
