"""Any chat model that transformers or a port loads by name: the prompt is the checkpoint's own chat template."""

from transformers import BatchFeature

from adapters import guards
from adapters.hf import ChatModel
from adapters.ports import internvl, minicpm_v, monkey, nvila, phi3_v  # noqa: F401 - transformers then knows them too
from harness.errors import AdapterError


class Generic(ChatModel):
    """`hf:REPO_OR_FOLDER`: no code needed; the stop tokens are those of the checkpoint's generation settings."""

    stops = ()

    def prepare(self) -> None:
        """Render the template once, with the question's placeholder as the words of the user.

        As in transformers, a begin-of-sequence token comes from the template or from the tokenizer, never from both.
        """
        content = [{"type": "image"}, {"type": "text", "text": "{question}"}]
        with guards.loading(self.source):
            text: str = self.processor.apply_chat_template(
                [{"role": "user", "content": content}], add_generation_prompt=True, tokenize=False
            )
        if "{question}" not in text:
            raise AdapterError(f"the chat template of {self.source} drops the question")
        opening = self.tokenizer.bos_token or ""
        adds = self.tokenizer.encode("A")[0] == self.tokenizer.bos_token_id
        self.bos = bool(opening) and (text.startswith(opening) or adds)
        self.template = text.removeprefix(opening)

    def image_tokens(self, batch: BatchFeature) -> list[int | None]:
        """As everywhere; but one placeholder alone may stand for any number of features, made inside the network."""
        return [count if count and count > 1 else None for count in super().image_tokens(batch)]

    def find_stop_ids(self) -> list[int]:
        """The published end-of-sequence ids, a number or a list, and the tokenizer's own."""
        published = self.published.eos_token_id
        ids = published if isinstance(published, list) else [published]
        known = [i for i in [*ids, *super().find_stop_ids()] if i is not None]
        if not known:
            raise AdapterError(f"checkpoint {self.source} names no token that ends an answer")
        return list(dict.fromkeys(known))
