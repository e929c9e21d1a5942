"""Writes small language models with random weights and their logits, computed by `transformers`, to test the importers.

Run once, after `pip install transformers`: python scripts/language_model_fixtures.py tests/fixtures/language_models
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import safetensors.torch
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PhiConfig,
    PhiForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SIZES = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
GROUPED = {**SIZES, "num_key_value_heads": 2, "rms_norm_eps": 1e-4}
MODELS = {
    "phi": (PhiForCausalLM, PhiConfig(**SIZES)),
    "phi_qk": (PhiForCausalLM, PhiConfig(**SIZES, qk_layernorm=True, rope_parameters=None, partial_rotary_factor=1.0)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**GROUPED, rope_theta=1000000.0)),
    "qwen2_tied": (Qwen2ForCausalLM, Qwen2Config(**GROUPED, tie_word_embeddings=True)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**GROUPED, head_dim=6)),
    "llama": (LlamaForCausalLM, LlamaConfig(**GROUPED, rope_theta=500000.0)),
}
"""Models with their configurations."""


@torch.no_grad()
def main(folder: Path) -> None:
    """Writes one folder per model: config.json, model.safetensors, and the logits of two texts in logits.json."""
    for name, (model, config) in MODELS.items():
        torch.manual_seed(0)
        net = model(config).eval()
        for parameter in net.parameters():
            parameter.copy_((parameter + 0.2 * torch.randn_like(parameter)).bfloat16())  # half the size of the file
        ids_BL = torch.randint(config.vocab_size, (2, 7), generator=torch.Generator().manual_seed(1))
        logits_BLV = net(ids_BL).logits
        place = folder / name
        place.mkdir(parents=True, exist_ok=True)
        state = {key: value.bfloat16().clone() for key, value in net.state_dict().items()}
        if config.tie_word_embeddings:
            del state["lm_head.weight"]
        safetensors.torch.save_file(state, place / "model.safetensors", {"format": "pt"})
        (place / "config.json").write_text(config.to_json_string())
        logits = [[[round(x, 6) for x in row] for row in rows] for rows in logits_BLV.tolist()]
        (place / "logits.json").write_text(json.dumps({"ids": ids_BL.tolist(), "logits": logits}) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
