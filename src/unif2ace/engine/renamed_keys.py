"""Keys, groups and choices renamed in 0.2. Error messages about an old name give the new name."""

from __future__ import annotations

import re

GROUPS = {
    "schedule": "noise_schedule",
    "scheduler": "lr_scheduler",
    "process": "forward_process",
    "view": "task",
    "condition": "visual_encoder",
    "frame": "base",
}

CHOICES = {
    "dataset/procedural": "synthetic",
    "source/procedural": "synthetic",
    "block/paper": "sequential",
    "loss/balance": "load_balance",
    "loss/z": "router_z",
    "metric/bound": "nelbo",
    "callbacks/layers": "model_summary",
    "visual_encoder/attributes": "classifier",
    "condition/attributes": "classifier",
    "features/attributes": "classifier",
    "experiment/tokenizer/embedded": "tokenizer/synthetic",
    "experiment/tokenizer/described": "tokenizer/attribute_perceptual",
    "experiment/tokenizer/fine": "tokenizer/tokens_256",
    "experiment/attributes/compact": "attributes/synthetic_small",
    "experiment/attributes/embedded": "attributes/synthetic",
    "experiment/attributes/judge": "attributes/evaluator",
    "experiment/unified/embedded": "unified/synthetic",
}

ALWAYS = ("progress", "checkpoint", "preemption", "random_state", "summary")
"""Choices of `callbacks` that moved to `run_callbacks`; every run has them by default."""

KEYS = {
    "patience": "max_nonfinite_steps",
    "tokenizer": "image_tokenizer",
    "weights": "init_from",
    "judge": "evaluator",
    "same_judge": "same_evaluator",
    "withhold": "drop_encoders",
    "companions": "components",
    "vary": "mask_ratio",
    "questions": "num_questions",
    "licence": "license",
    "source.licence": "source.license",
    "source.licence_key": "source.license_key",
    "data.read": "data.inputs",
    "data.tokenizer": "data.text_tokenizer",
    "data.views": "data.tasks",
    "process.draw": "forward_process.masking",
    "process.schedule": "forward_process.noise_schedule",
    "forward_process.schedule": "forward_process.noise_schedule",
    "forward_process.draw": "forward_process.masking",
    "net.checkpoint": "net.gradient_checkpointing",
    "net.image_positions": "net.image_pos_embed",
    "net.early_conditions": "net.early_fusion",
    "net.grounding": "net.grounded_words",
    "net.directions": "net.grounding_dim",
    "net.text_std": "net.text_init_std",
    "net.tie": "net.tie_embeddings",
    "net.conditions": "net.visual_dims",
    "module.tokenizer": "module.image_tokenizer",
    "module.process": "module.forward_process",
    "module.scheduler": "module.lr_scheduler",
    "module.share_codes": "module.code_features",
    "module.conditions": "module.visual_encoders",
    "module.condition_dropout": "module.visual_dropout",
    "moe.hidden": "moe.shared_ffn_dim",
    "moe.expert_hidden": "moe.expert_ffn_dim",
    "moe.experts": "moe.backend",
    "moe.gen": "moe.gen_experts",
    "moe.und": "moe.und_experts",
    "moe.scale": "moe.residual_scale_init",
    "loss.balance": "loss.load_balance",
    "loss.sedd.process": "loss.sedd.forward_process",
    "loss.gidd.process": "loss.gidd.forward_process",
    "loss.load_balance.token": "loss.load_balance.token_weight",
    "loss.load_balance.sequence": "loss.load_balance.sequence_weight",
    "loss.router_z.token": "loss.router_z.token_weight",
    "loss.router_z.sequence": "loss.router_z.sequence_weight",
    "loss.balance.token": "loss.load_balance.token_weight",
    "loss.balance.sequence": "loss.load_balance.sequence_weight",
    "loss.z.token": "loss.router_z.token_weight",
    "loss.z.sequence": "loss.router_z.sequence_weight",
    "loss.adversarial.kind": "loss.adversarial.gan_loss",
    "loss.adversarial.generator": "loss.adversarial.generator_weight",
    "loss.codebook_entropy.only_bits": "loss.codebook_entropy.lfq_only",
    "loss.z": "loss.router_z",
    "loss.d3diff.columns": "loss.d3diff.positions",
    "loss.d3diff.scale": "loss.d3diff.score_scale",
    "loss.ar.first_weight": "loss.ar.first_token_weight",
    "metric.bound": "metric.nelbo",
    "metric.attributes.by": "metric.attributes.subgroups",
    "sampler.law": "sampler.temperature_schedule",
    "sampler.counted": "sampler.mask_count_base",
    "sampler.schedule": "sampler.noise_schedule",
    "strategy.gather_in": "strategy.param_dtype",
    "strategy.reduce_in": "strategy.reduce_dtype",
    "steps.judge": "steps.evaluator",
    "scores.questions": "scores.num_questions",
    "callbacks.layers": "callbacks.model_summary",
    "visual_encoder.attributes": "visual_encoder.classifier",
}

PATTERNS = (
    (r"(?:view|tasks?)\.(\w+)\.rows", r"task.\1.batch_size"),
    (r"(?:view|tasks?)\.understanding\.turns", "task.understanding.max_turns"),
    (r"(?:view|tasks?)\.understanding\.caption_share", "task.understanding.caption_prob"),
    (r"dataset\.procedural(\..*)?", r"dataset.synthetic\1"),
    (rf"callbacks\.({'|'.join(ALWAYS)})(\..*)?", r"run_callbacks.\1\2"),
    (r"condition\.attributes(\..*)?", r"visual_encoder.classifier\1"),
)


def new_key(key: str) -> str | None:
    """The current name of a dotted key; None if it was not renamed."""
    for pattern, new in PATTERNS:
        if found := re.fullmatch(pattern, key):
            return found.expand(new)
    parts = key.split(".")
    for length in range(len(parts), 0, -1):
        renamed = KEYS.get(".".join(parts[:length]))
        if renamed:
            return ".".join([renamed, *parts[length:]])
    return ".".join([GROUPS[parts[0]], *parts[1:]]) if parts[0] in GROUPS else None


def new_choice(group: str, choice: str = "") -> str | None:
    """The current ``group=choice``; None if neither group nor choice was renamed."""
    if group == "callbacks" and choice in ALWAYS:
        return f"run_callbacks.{choice}, which every run has by default,"
    name = CHOICES.get(f"{group}/{choice}")
    if name is None and group not in GROUPS:
        return None
    return f"{GROUPS.get(group, group)}={name or choice}"


def hint(key: str) -> str:
    """The end of a message about an unknown key: the new name of the key; empty if it was not renamed."""
    new = current_key(key)
    return f": it is {new} since 0.2" if new else ""


def current_key(key: str) -> str | None:
    """The current name of a dotted key or of its last parts: ``module.net.moe.gen`` ends in ``moe.gen``."""
    parts = key.split(".")
    ends = [key, *(".".join(parts[first:]) for first in range(1, len(parts) - 1))]
    return next(filter(None, map(new_key, ends)), None)
