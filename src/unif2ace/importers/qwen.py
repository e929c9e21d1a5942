"""Qwen2 (arXiv 2407.10671), Qwen2.5 and Qwen3."""

from __future__ import annotations

from unif2ace.importers.llama import LlamaImporter


class QwenImporter(LlamaImporter):
    """Imports dense models with ``model_type=qwen2`` or ``qwen3``, whose tensors are named as in Llama."""

    source = "a Qwen language model"
    mark = r"^model\.layers\.\d+\.self_attn\.(q_proj\.bias|q_norm\.)"
    preset = "qwen2"
    model_types = ("qwen2", "qwen3")
