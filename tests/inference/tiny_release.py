"""A unified model of a few thousand weights with all that belongs to it, in a run's folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from unif2ace.data.text_tokenizer import train_text_tokenizer
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.resolvers import attribute_groups
from unif2ace.engine.weights import Weights, save_weights

WORDS = ["A smiling woman with red hair.", "Is he wearing glasses?", "Yes.", "No.", "Describe this face."]
TOKENIZER = {
    "_target_": "unif2ace.nets.tokenizer.patch.PatchNet",
    "quantizer": {"_target_": "unif2ace.nets.quantizers.fsq.FSQ", "_partial_": True, "levels": [4, 4]},
    "channels": [32, 32],
}
CLASSIFIER = {
    "_target_": "unif2ace.nets.attributes.AttributesNet",
    "groups": attribute_groups(),
    "backbone": "test_resnet",
}


def loader(path: Path, kind: str) -> dict[str, Any]:
    return {"_target_": "unif2ace.engine.weights.load_net", "_partial_": True, "path": str(path), "kind": kind}


def saved(path: Path, kind: str, config: dict[str, Any], provenance: dict[str, Any] | None = None) -> Weights:
    torch.manual_seed(len(kind))
    net = instantiate(config)
    for parameter in net.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return save_weights(path, net, kind=kind, config=config, provenance=provenance)


def make_run(folder: Path) -> Path:
    """Folders ``tokenizer``, ``attributes`` and ``unified``; gives the last."""
    tokenizer = saved(folder / "tokenizer" / "weights.safetensors", "tokenizer", TOKENIZER)
    classifier = saved(folder / "attributes" / "weights.safetensors", "attributes", CLASSIFIER)
    run = folder / "unified"
    run.mkdir()
    text = train_text_tokenizer(WORDS, run, 300)
    net = {
        "_target_": "unif2ace.nets.transformer.unified.UnifiedNet",
        "block": {"_target_": "unif2ace.nets.transformer.blocks.sequential.SequentialBlock", "_partial_": True},
        "moe": {"_target_": "unif2ace.nets.moe.grouped.GroupedMoE", "num_experts": 4, "top_k": 2, "expert_ffn_dim": 8},
        "dim": 32,
        "depth": 2,
        "heads": 2,
        "visual_dims": {"classifier": 96},
        "text_size": text.vocab_size,
        "bos_id": text.eos_id,
        "eos_id": text.eos_id,
        "codebook_size": 16,
        "num_image_tokens": 16,
    }
    encoder = {
        "_target_": "unif2ace.nets.visual_encoders.classifier.ClassifierEncoder",
        "net": loader(classifier.path, "attributes"),
        "dim": 96,
    }
    found = {w.kind: {"path": str(w.path), "fingerprint": w.component_fingerprint} for w in (tokenizer, classifier)}
    module = {"visual_encoders": {"classifier": encoder | {"_partial_": True}}, "image_size": 32, "max_text": 64}
    saved(run / "weights.safetensors", "unified", net, {"components": found, "module": module})
    return run
