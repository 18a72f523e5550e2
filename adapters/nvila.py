"""NVILA-8B: Qwen's conversation with the system text of its training, whose sentence has no full stop.

Source: NVlabs/VILA, llava/utils/tokenizer.py, language_model/chat_templates/qwen2.jinja (which the published tokenizer
carries) and llava/utils/media.py: picture and question stand side by side, the line break comes with the picture.
"""

import adapters.ports.nvila  # noqa: F401 - registers the port
from adapters.hf import ChatModel


class Nvila(ChatModel):
    """SigLIP so400m/14-448 at 448, 896 and up to twelve tiles, Qwen2-7B; both published layouts."""

    template = (
        "<|im_start|>system\nYou are a helpful assistant<|im_end|>\n"
        "<|im_start|>user\n<image>{question}<|im_end|>\n<|im_start|>assistant\n"
    )
    stops = ("<|im_end|>",)

    def prompt(self, question: str) -> str:
        """As the original, which strips the end of a turn."""
        return super().prompt(question.rstrip())
