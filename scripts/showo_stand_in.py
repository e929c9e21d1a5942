"""Writes a small Show-o model with random weights and the published names, to try docs/tutorials/from_showo.md.

    python scripts/showo_stand_in.py FOLDER

FOLDER gets ``show-o/model.safetensors``, ``magvitv2/pytorch_model.bin`` and ``phi-1_5/tokenizer.json``.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from unif2ace.data.text_tokenizer import train_text_tokenizer
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.tokenizer.magvit import MagvitNet

DIM, DEPTH, HEADS, HIDDEN, BITS = 64, 2, 4, 128, 8
OTHER = 11
"""Padding, nine further special tokens, and the mask."""
SENTENCES = [
    "A smiling woman with red hair and glasses looks at the camera.",
    "USER: Is he wearing a hat? ASSISTANT: No, he is not wearing a hat.",
    "An old man with a gray beard, brown eyes and no glasses.",
]


def transformer(ids: int) -> dict[str, Tensor]:
    """Random weights of the transformer with Show-o's names, for a vocabulary of `ids` ids."""
    shapes = {
        "showo.model.embed_tokens.weight": (ids, DIM),
        "showo.lm_head.weight": (ids, DIM),
        "showo.lm_head.bias": (ids,),
    }
    norms = {"showo.model.final_layernorm": DIM}
    for layer in range(DEPTH):
        place = f"showo.model.layers.{layer}"
        linear = {f"self_attn.{name}": (DIM, DIM) for name in ("q_proj", "k_proj", "v_proj", "dense")}
        linear |= {"mlp.fc1": (HIDDEN, DIM), "mlp.fc2": (DIM, HIDDEN)}
        for name, shape in linear.items():
            shapes |= {f"{place}.{name}.weight": shape, f"{place}.{name}.bias": shape[:1]}
        norms |= {f"{place}.input_layernorm": DIM}
        norms |= {f"{place}.self_attn.{name}_layernorm": DIM // HEADS for name in "qk"}
    weights = {name: torch.randn(shape) * 0.1 for name, shape in shapes.items()}
    for name, width in norms.items():
        weights |= {f"{name}.weight": 1 + 0.1 * torch.randn(width), f"{name}.bias": 0.1 * torch.randn(width)}
    return weights


def main(folder: Path) -> None:
    """Writes the transformer, the image tokenizer and the text tokenizer."""
    torch.manual_seed(0)
    for name in ("show-o", "magvitv2", "phi-1_5"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    text = train_text_tokenizer(SENTENCES * 2, folder / "phi-1_5", 400)
    save_file(transformer(text.vocab_size + OTHER + 2**BITS), folder / "show-o" / "model.safetensors")
    levels = {"encoder_multipliers": (1, 1, 1, 2), "decoder_multipliers": (1, 1, 1, 2)}
    blocks = {"encoder_blocks": (1, 1, 1, 1), "decoder_blocks": (1, 1, 1, 1)}
    tokenizer = MagvitNet(partial(LFQ, BITS), 32, **levels, **blocks)
    torch.save(tokenizer.official(), folder / "magvitv2" / "pytorch_model.bin")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(Path(sys.argv[1]))
