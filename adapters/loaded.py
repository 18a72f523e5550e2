"""A checkpoint, loaded and checked, and what is made of pictures and questions for it: all but the answer.

Nothing is executed that came with a checkpoint.
"""

# mypy: disallow-untyped-calls=False

import copy
import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModelForImageTextToText,
    AutoProcessor,
    BatchFeature,
    GenerationConfig,
    dynamic_module_utils,
)
from transformers.image_processing_backends import TorchvisionBackend

from adapters import guards, resolution
from adapters.base import Protocols
from adapters.on_vllm import OnVllm
from adapters.place import device_of, dtype_of
from harness.records import Request

# Without this, a checkpoint that brings its own code makes transformers ask on the terminal whether to run it.
dynamic_module_utils.TIME_OUT_REMOTE_CODE = 0


class Loaded:
    """One checkpoint with its processor; its network too, unless another engine has that.

    Args:
        source: folder or repository id of the checkpoint.
        device: "auto" (CUDA where there is one), "cpu", "cuda", "cuda:1" ...
        dtype: "auto" (float32 on a CPU, bfloat16 on CUDA) or the name of a torch dtype.
        protocol: overrides of `defaults`, by name.
        network: whether to load the weights; without them it prepares prompts and reads answers, for another engine.

    Raises:
        AdapterError: the checkpoint cannot be loaded, or its tokenizer would silently change the text.
    """

    template: str
    """The whole official prompt for one image; {question} is replaced."""
    stops: tuple[str, ...]
    """Tokens that end an answer; the first must exist, the tokenizer's own eos is always added."""
    bos: bool = False
    """Whether the prompt opens with the begin-of-sequence token; it is put there once, never written in `template`."""
    defaults: ClassVar[Protocols] = {}
    """Choices that belong to the measurement, by name; `protocol` holds those in force."""
    fixed: ClassVar[tuple[str, ...]] = ()
    """Those of `defaults` that are read from the checkpoint and recorded, but cannot be chosen."""
    on_vllm: ClassVar[OnVllm | None] = None
    """How vLLM's network takes the tensors of a picture; None where vLLM has no such network."""
    padding_side = "left"

    def __init__(
        self,
        source: str,
        device: str = "auto",
        dtype: str = "auto",
        protocol: Protocols | None = None,
        network: bool = True,
    ) -> None:
        self.source = str(source)
        self.network = network
        self.protocol = guards.protocol(self.defaults, protocol or {}, self.source)
        self.device = device_of(device)
        self.dtype = dtype_of(dtype, self.device)
        self.config, self.processor, self.model = self.load()
        self.tokenizer: Any = self.processor.tokenizer
        if self.tokenizer.pad_token is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        self.protocol = resolution.settle(self.protocol, self.saved(), self.fixed, self.source)
        self.prepare()
        guards.check_round_trip(self.tokenizer, self.source)
        guards.check_image_token(self.processor, self.config, self.source)
        self._special = guards.special_strings(self.processor)
        guards.settle_bos(self.tokenizer, self.bos, self.source)
        # Encoding changes the padding state of the fast tokenizer, so two threads must not share one.
        self._encoding = threading.Lock()
        self._decoder = copy.deepcopy(self.tokenizer)
        self.stop_ids = self.find_stop_ids()

    def load(self) -> tuple[Any, Any, Any]:
        """Configuration, processor and model of `source`; a subclass may build the processor itself."""
        folder = guards.is_folder(self.source)
        with guards.loading(self.source):
            config = AutoConfig.from_pretrained(self.source, local_files_only=folder)
            processor = self.load_processor(folder)
            if not self.network:
                return config, processor, None
            loaded: Any = AutoModelForImageTextToText.from_pretrained(
                self.source,
                dtype=self.dtype,
                attn_implementation="sdpa",
                local_files_only=folder,
                output_loading_info=True,
            )
            model, report = loaded
            guards.check_complete(report, self.source)
        model.to(self.device).eval().requires_grad_(False)
        self.published = model.generation_config
        model.generation_config = GenerationConfig()  # published ones hold penalties and temperatures of their own
        return config, processor, model

    def load_processor(self, local_files_only: bool) -> Any:
        """The processor the checkpoint declares, its images resized by Pillow, as all original codes do.

        By default transformers resizes with torchvision, whose pixels are one or two grey levels off here and there,
        and in some sizes up to 27 (tests/adapters/test_native_goldens.py).
        """
        processor = AutoProcessor.from_pretrained(self.source, local_files_only=local_files_only)
        if isinstance(getattr(processor, "image_processor", None), TorchvisionBackend):
            processor.image_processor = AutoImageProcessor.from_pretrained(
                self.source, backend="pil", local_files_only=local_files_only
            )
        return processor

    def saved(self) -> Protocols:
        """The resolution policy of the checkpoint: fields of `defaults` with the values it has for them."""
        return {}

    def prepare(self) -> None:
        """Settle what the processor lacks or the protocol asks for; called once, before the checks."""

    @classmethod
    def not_on_vllm(cls, source: str, protocol: Protocols) -> str:
        """Why vLLM cannot answer for this checkpoint and protocol, and what helps; empty where it can."""
        return ""

    @staticmethod
    def vllm_config(config: Any) -> Any:
        """The checkpoint's configuration as vLLM's network reads it."""
        return config

    def vllm_tensors(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        """The batch as `on_vllm` names its tensors, where vLLM cuts a picture otherwise than transformers."""
        return features

    @property
    def revision(self) -> str | None:
        """The commit of a repository's checkpoint; None for a folder."""
        return getattr(self.config, "_commit_hash", None)

    @property
    def parameters(self) -> int:
        """How many numbers the network has."""
        return sum(weight.numel() for weight in self.model.parameters())

    def find_stop_ids(self) -> list[int]:
        """Ids of `stops` and of the tokenizer's eos, without duplicates."""
        return guards.stop_ids(self.tokenizer, self.stops, self.source)

    def prompt(self, question: str) -> str:
        """The exact text the model is given, its image placeholder included, begin-of-sequence token not.

        Raises:
            AdapterError: the question contains a special token of this model, which could pass for an image or a turn.
        """
        guards.check_question(question, self._special)
        return self.template.replace("{question}", question, 1)

    def image(self, image: Image.Image) -> Image.Image:
        """The picture as the original code hands it to the preprocessor."""
        return image

    def inputs(self, images: Sequence[Any], requests: Sequence[Request]) -> BatchFeature:
        """The batch of these requests: of all they hold, this model reads the words."""
        return self.batch(images, [request.text for request in requests])

    def batch(self, images: Sequence[Any], questions: Sequence[str]) -> BatchFeature:
        """Token ids [batch, length], padded on the left, and pixels, on the CPU.

        Left padding puts each row's first new token directly after its own prompt.
        """
        texts = [self.prompt(question) for question in questions]
        with self._encoding:
            features: BatchFeature = self.processor(
                **self.pictures(images),
                text=texts,
                padding=True,
                padding_side=self.padding_side,
                add_special_tokens=self.bos,
                return_tensors="pt",
            )
        return features

    def pictures(self, images: Sequence[Any]) -> dict[str, Any]:
        """What the processor is given of the pictures, by the names of its arguments; one picture per row of text."""
        return {"images": [[image] for image in images]}

    def wordless(self, ids: torch.Tensor) -> torch.Tensor:
        """Where token ids [..., length] stand for no words, but for what the network makes of a picture: a mask."""
        return ids == self.config.image_token_id

    def blank(self, image: Image.Image) -> BatchFeature:
        """The batch of a picture that nobody asked about, to measure memory with."""
        return self.batch([self.image(image)], ["?"])

    def image_tokens(self, batch: BatchFeature) -> list[int | None]:
        """How many places of each prompt hold what the network made of the picture, padding not among them.

        The processors write one placeholder per feature, and the networks refuse any other number.
        """
        wanted = getattr(self.config, "image_token_id", None)
        if wanted is None:
            return [None] * len(batch["input_ids"])
        places = (batch["input_ids"] == wanted) & batch["attention_mask"].bool()
        counts: list[int | None] = places.sum(dim=1).tolist()
        return counts
