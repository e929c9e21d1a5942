"""Llama (arXiv 2302.13971) and models of its architecture."""

from __future__ import annotations

from typing import ClassVar

from unif2ace.importers.language_model import RMS_NORM, SEQUENTIAL, SWIGLU, LanguageModelImporter


class LlamaImporter(LanguageModelImporter):
    """Imports models with ``model_type=llama``, such as Llama 2, SmolLM2 and TinyLlama."""

    source = "a Llama language model"
    mark = r"^model\.layers\.\d+\.mlp\.gate_proj\."
    preset = "llama"
    model_types: ClassVar[tuple[str, ...]] = ("llama",)
    block, norm, feed_forward = SEQUENTIAL, RMS_NORM, SWIGLU
    eps_key = "rms_norm_eps"
    activations = ("silu",)
    final_norm = "model.norm"
    layers: ClassVar = {
        "attention_norm": "input_layernorm",
        "token_norm": "post_attention_layernorm",
        "attention.out": "self_attn.o_proj",
        "attention.q_norm": "self_attn.q_norm",
        "attention.k_norm": "self_attn.k_norm",
        "token_moe.network.gate": "mlp.gate_proj",
        "token_moe.network.up": "mlp.up_proj",
        "token_moe.network.down": "mlp.down_proj",
    }
