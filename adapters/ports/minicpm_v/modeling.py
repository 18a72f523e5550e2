"""MiniCPM-Llama3-V-2.5: SigLIP on slices of any shape, a resampler to 96 tokens a view, Llama-3.

Source: openbmb/MiniCPM-Llama3-V-2_5, modeling_minicpmv.py, over transformers' Idefics2 vision tower and Llama.
Shapes: B images, S views (each image's overview, then its slices), P patches of all views, N patches of the largest
view, C channels, H and W sides of a patch, E width of the vision tower, Q tokens per view, D width of Llama.
"""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence
from transformers import LlamaModel
from transformers import initialization as init
from transformers.conversion_mapping import register_checkpoint_conversion_mapping
from transformers.core_model_loading import WeightRenaming
from transformers.masking_utils import create_bidirectional_mask
from transformers.models.idefics2.modeling_idefics2 import Idefics2VisionTransformer

from adapters.ports.minicpm_v.configuration import MiniCPMVConfig
from adapters.ports.minicpm_v.resampler import Resampler
from adapters.ports.modeling import PortForConditionalGeneration, PortModel

PUBLISHED = {
    r"^llm\.lm_head\.": "lm_head.",
    r"^llm\.model\.": "model.language_model.",
    r"^vpm\.": "model.vpm.",
    r"^resampler\.": "model.resampler.",
}
"""Names of weights, as published and as here."""


class VisionTower(Idefics2VisionTransformer):
    """SigLIP on views of any shape.

    Upstream pads the views of an image to the largest of them with blank patches, and by a slip in its mask the tower
    sees these; so it has been since the first commit, and so it is here. The padding of a batch is not seen: an image
    has the same features whatever stands beside it.
    """

    def forward(self, pixel_values: Tensor, counts_S: Tensor, lengths_S: Tensor) -> Tensor:
        """Features [S, N, E] of patches [P, C, H, W].

        Args:
            pixel_values: patches of all views, one view after the other.
            counts_S: patches of each view, on the CPU.
            lengths_S: what each view is padded to with blank patches, on the CPU.
        """
        patching: Any = self.embeddings.patch_embedding
        views_SNE = pad_sequence(patching(pixel_values).flatten(1).split(counts_S.tolist()), batch_first=True)
        own_SN, seen_SN = (_first(numbers_S).to(views_SNE.device) for numbers_S in (counts_S, lengths_S))
        views_SNE = torch.where(own_SN[..., None], views_SNE, patching.bias.to(views_SNE.dtype))
        rows = [places(length, self.embeddings.num_patches_per_side) for length in lengths_S.tolist()]
        rows_SN = pad_sequence(rows, batch_first=True).to(views_SNE.device)
        views_SNE = views_SNE + self.embeddings.position_embedding(rows_SN)
        mask = create_bidirectional_mask(config=self.config, inputs_embeds=views_SNE, attention_mask=seen_SN)
        features_SNE = self.encoder(inputs_embeds=views_SNE, attention_mask=mask).last_hidden_state
        normal_SNE: Tensor = self.post_layernorm(features_SNE)
        return normal_SNE


def _first(numbers_S: Tensor) -> Tensor:
    """True at the first so many places of each row, [S, largest number]."""
    return torch.arange(int(numbers_S.max())) < numbers_S[:, None]


def places(count: int, side: int) -> Tensor:
    """Rows of the position table for the patches of one view, [count], on the CPU.

    Upstream lays the patches of a view out as one long row: a patch's place is its share of the way along it, and
    only the first `side` of the table's `side` x `side` rows are used. The rounding is upstream's too: in float32,
    by the same call, whatever the network's type and device (in bfloat16, as transformers has it, 41 of 1,024 move).
    """
    ways = torch.arange(0, 1 - 1e-6, float(1 / torch.tensor(count)))
    return torch.bucketize(ways, torch.arange(1 / side, 1.0, 1 / side), right=True)


class MiniCPMVModel(PortModel):
    """Vision tower, resampler and Llama without its head."""

    config_class = MiniCPMVConfig
    image_inputs: ClassVar[tuple[str, ...]] = ("pixel_values", "patch_grids", "slice_grids")

    def __init__(self, config: MiniCPMVConfig) -> None:
        super().__init__(config)
        vision: Any = config.vision_config
        self.vpm = VisionTower(vision)
        if config.drop_vision_last_layer:
            self.vpm.encoder.layers = self.vpm.encoder.layers[:-1]
        self.resampler = Resampler(config.query_num, config.hidden_size, vision.hidden_size)
        self.language_model = LlamaModel(config)
        self.post_init()

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, Resampler):
            # Queries that started equal would stay equal, and so would all tokens of a view.
            init.trunc_normal_(module.query, std=self.config.initializer_range)
            init.normal_(module.proj, std=module.proj.shape[0] ** -0.5)

    def image_features(self, pixel_values: Tensor, patch_grids: Tensor, slice_grids: Tensor) -> tuple[Tensor, ...]:
        """One tensor [views x Q, D] per image: the tokens of its overview, then of its slices row by row.

        Args:
            pixel_values: patches [P, C, H, W], view by view.
            patch_grids: rows and columns of patches of each view, [S, 2].
            slice_grids: rows and columns of slices of each image, [B, 2]; zeros where it is one view only.
        """
        counts_S = patch_grids.prod(dim=1).cpu()
        views = (slice_grids.prod(dim=1) + 1).tolist()
        lengths_S = torch.cat([counts.max().expand_as(counts) for counts in counts_S.split(views)])
        if not self.config.batch_vision_input:
            lengths_S = counts_S
        tokens_SQD = self.resampler(self.vpm(pixel_values, counts_S, lengths_S), patch_grids)
        return tuple(tokens.flatten(0, 1) for tokens in tokens_SQD.split(views))


class MiniCPMV(PortForConditionalGeneration):
    """The whole network, under the name the published configuration gives it."""

    config_class = MiniCPMVConfig
    model_class = MiniCPMVModel


register_checkpoint_conversion_mapping(
    MiniCPMVConfig.model_type, [WeightRenaming(old, new) for old, new in PUBLISHED.items()], overwrite=True
)
