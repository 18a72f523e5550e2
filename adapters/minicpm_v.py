"""MiniCPM-Llama3-V-2.5 in the Llama-3 conversation, without a system text.

Source: openbmb/MiniCPM-Llama3-V-2_5, modeling_minicpmv.py (`chat`) and the chat template of tokenizer_config.json. The
template writes the one <|begin_of_text|> there is: the published tokenizer.json adds none.
"""

import adapters.ports.minicpm_v  # noqa: F401 - registers the port
from adapters.hf import ChatModel


class MiniCPMLlama3V(ChatModel):
    """SigLIP-400M and Llama-3-8B-Instruct; an overview and up to nine slices, 96 tokens each."""

    template = (
        "<|start_header_id|>user<|end_header_id|>\n\n(<image>./</image>)\n{question}<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    stops = ("<|eot_id|>", "<|end_of_text|>")
    bos = True

    def prompt(self, question: str) -> str:
        """The exact text the model is given; the official template trims the end of a message."""
        return super().prompt(question.rstrip())
