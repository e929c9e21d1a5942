"""Converts old names in the package's weights of November 2026 to the current ones.

Remove this table when these weights are replaced. It is applied after the fingerprint is checked. Training checkpoints
with old names are rejected, see `refuse_old_names`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.errors import DataError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

TENSORS = (
    (r"^code_rows\.", "code_embedding."),
    (r"^image_positions\.", "image_pos_embed."),
    (r"^word_rows\.", "grounding.tables."),
    (r"^resamplers\.attributes\.", "conditioning.resamplers.classifier."),
    (r"^noise_level\.", "conditioning.noise_level."),
    (r"^blocks\.(\d+)\.token\.", r"blocks.\1.token_moe."),
    (r"^blocks\.(\d+)\.sequence\.", r"blocks.\1.sequence_moe."),
)
"""Patterns of old tensor names with their replacements; the first match is used."""

KEYS = {
    "companions": "components",
    "checkpoint": "gradient_checkpointing",
    "code_features": "code_feature_dim",
    "condition_dropout": "visual_dropout",
    "directions": "grounding_dim",
    "draw": "masking",
    "early_conditions": "early_fusion",
    "expert_hidden": "expert_ffn_dim",
    "experts": "backend",
    "gen": "gen_experts",
    "grounding": "grounded_words",
    "hidden": "shared_ffn_dim",
    "image_positions": "image_pos_embed",
    "process": "forward_process",
    "scale": "residual_scale_init",
    "schedule": "noise_schedule",
    "share_codes": "code_features",
    "text_std": "text_init_std",
    "tie": "tie_embeddings",
    "tokenizer": "image_tokenizer",
    "und": "und_experts",
}
"""Keys of configurations."""

TARGETS = (
    ("nets.unified.UnifiedNet", "nets.transformer.unified.UnifiedNet"),
    ("nets.conditions.attributes.AttributeFeatures", "nets.visual_encoders.classifier.ClassifierEncoder"),
    ("nets.features.attributes.AttributesFeatures", "nets.features.classifier.ClassifierFeatures"),
    ("nets.unified.blocks.paper.PaperBlock", "nets.transformer.blocks.sequential.SequentialBlock"),
    (".nets.unified.blocks.", ".nets.transformer.blocks."),
    (".diffusion.processes.", ".diffusion.forward_processes."),
    (".diffusion.schedules.", ".diffusion.noise_schedules."),
    (".nets.moe.experts.auto.AutoExperts", ".nets.moe.backends.auto.AutoBackend"),
)
"""Parts of the dotted names of classes."""


TOKENIZERS = {
    "0194edd646e1b6c14ff324ebf488906851f5fd5e14f59730c08d1b37c1876160": (
        "a6e652e2bd5d9fd5ff52730697b6bda37b9bcad3dfb0d3eb57372f15c7eeca72"
    )
}
"""Fingerprint of the whole tokenizer, with its decoder, and the one without, see `token_fingerprint`."""


def renamed_tensor(name: str) -> str:
    """The current name of a tensor."""
    for pattern, new in TENSORS:
        if re.search(pattern, name):
            return re.sub(pattern, new, name)
    return name


def renamed_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of any shape (...) by their current names."""
    return {renamed_tensor(name): value for name, value in state.items()}


def renamed_header(header: Mapping[str, Any]) -> dict[str, Any]:
    """A header with current keys and classes; data, metrics and the fingerprint of the file in it are unchanged."""
    kept = {k: v for k, v in header.items() if k not in ("companions", "net", "module")}
    net, module = _renamed(header["net"]), _renamed(header.get("module") or {})
    if header["kind"] == "unified":
        net["visual_dims"] = {"classifier" if n == "attributes" else n: d for n, d in net.pop("conditions").items()}
        encoders = module.pop("conditions")
        module["visual_encoders"] = {"classifier" if n == "attributes" else n: node for n, node in encoders.items()}
    used = {kind: dict(entry) for kind, entry in header.get("companions", {}).items()}
    for entry in used.values():
        entry["fingerprint"] = TOKENIZERS.get(entry["fingerprint"], entry["fingerprint"])
    return {**kept, "net": net, "module": module, "components": used}


def refuse_old_names(record: Mapping[str, Any], file: Path) -> None:
    """Rejects the record of a training checkpoint that was written with old names.

    Raises:
        DataError: If it was.
    """
    if "format" not in record:
        raise DataError(
            f"{file} was written before names of tensors and keys changed (see 0.2 in CHANGELOG.md): continue it with "
            "the version that wrote it, or start a new run, from its weights file with init_from=..."
        )


def _renamed(node: Any) -> Any:
    if isinstance(node, dict):
        return {KEYS.get(key, key): _renamed(value) for key, value in node.items()}
    if isinstance(node, list):
        return ["visual" if value == "conditions" else _renamed(value) for value in node]
    if isinstance(node, str):
        for old, new in TARGETS:
            node = node.replace(old, new)
        return {"exact": "fixed_count"}.get(node, node)
    return node
