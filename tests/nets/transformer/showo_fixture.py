"""Numbers of the official Show-o, and networks of its sizes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file

from unif2ace.nets.moe.dense import DenseMoE
from unif2ace.nets.transformer.blocks.parallel import ParallelBlock
from unif2ace.nets.transformer.showo import from_showo, sizes_of
from unif2ace.nets.transformer.unified import UnifiedNet

FOLDER = Path(__file__).parents[3] / "../shared/fixtures/showo"


def golden(name):
    """Tensors and notes of a fixture."""
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file():
        pytest.skip(f"needs the golden numbers of Show-o at {path}")
    return load_file(path), json.loads(path.with_suffix(".json").read_text())


def official_weights():
    """The small official network's weights by their names."""
    tensors, notes = golden("tiny_showo_forward")
    return {k.removeprefix("weights."): v.float() for k, v in tensors.items() if k.startswith("weights.")}, notes


def tiny_showo(**options):
    """The small official network as ours."""
    weights, notes = official_weights()
    vocab = notes["vocab"]
    sizes = sizes_of(weights)
    net = UnifiedNet(
        text_size=sizes.text_size(vocab["codebook_size"]),
        codebook_size=vocab["codebook_size"],
        bos_id=vocab["bos_id"],
        eos_id=vocab["eos_id"],
        num_image_tokens=vocab["num_vq_tokens"],
        block=ParallelBlock,
        moe=DenseMoE(sizes.hidden),
        dim=sizes.dim,
        depth=sizes.depth,
        heads=sizes.heads,
        **options,
    )
    net.load_state_dict(from_showo(weights))
    return net.eval()
