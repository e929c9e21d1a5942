"""Phi-1.5 (arXiv 2309.05463), Phi-1 and Phi-2."""

from __future__ import annotations

from typing import ClassVar

from unif2ace.importers.language_model import GELU, LAYER_NORM, PARALLEL, LanguageModelImporter
from unif2ace.nets.transformer.showo import PHI_LAYERS


class PhiImporter(LanguageModelImporter):
    """Imports models with ``model_type=phi``."""

    source = "a Phi language model"
    mark = r"^model\.layers\.\d+\.self_attn\.dense\."
    preset = "phi"
    model_types: ClassVar[tuple[str, ...]] = ("phi",)
    block, norm, feed_forward = PARALLEL, LAYER_NORM, GELU
    eps_key = "layer_norm_eps"
    activations = ("gelu_new", "gelu_pytorch_tanh", "gelu_fast")
    final_norm = "model.final_layernorm"
    layers: ClassVar = PHI_LAYERS
    defaults: ClassVar = {**LanguageModelImporter.defaults, "partial_rotary_factor": 0.5}
