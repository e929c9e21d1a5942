"""CLIPScore of a random tiny CLIP equals that of transformers' CLIPModel with the same weights."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from scored_models import write_faces

from unif2ace.errors import ConfigError
from unif2ace.evaluation.eval_set import EvalSet, gather, open_split
from unif2ace.evaluation.metrics.base import Setting
from unif2ace.evaluation.metrics.clip_score import ClipScoreMetric

NEEDS = "needs the extra clip and transformers: `make test-extras` runs this"
VISION = {"image_size": 16, "layers": 2, "width": 64, "patch_size": 8, "head_width": 32}
TEXT = {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2}
OWN = {"mean": [0.48, 0.46, 0.41], "std": [0.27, 0.26, 0.28], "size": [16, 16], "interpolation": "bicubic"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> EvalSet:
    return gather(open_split(write_faces(tmp_path_factory.mktemp("faces"), 5)), 5, 1)


class Pictures:
    def __init__(self, eval_set: EvalSet) -> None:
        self.eval_set = eval_set

    def generated(self, key: str, prompt: str) -> torch.Tensor:
        return self.eval_set.images[self.eval_set.keys.index(key)]


def _theirs() -> Any:
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(0)
    vision = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2, "num_attention_heads": 2}
    text = {"hidden_size": 32, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config=vision | {"image_size": 16, "patch_size": 8},
        text_config=text | {"bos_token_id": 49406, "eos_token_id": 49407},
        projection_dim=16,
    )
    return CLIPModel(config).eval()


def _layers(state: dict[str, torch.Tensor], theirs: str, ours: str) -> dict[str, torch.Tensor]:
    names = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj"}
    names["self_attn.out_proj"] = "attn.out_proj"
    found = {}
    for n in range(2):
        at, to = f"{theirs}.encoder.layers.{n}", f"{ours}.resblocks.{n}"
        for kind in ("weight", "bias"):
            found |= {f"{to}.{new}.{kind}": state[f"{at}.{old}.{kind}"] for old, new in names.items()}
            found[f"{to}.attn.in_proj_{kind}"] = torch.cat([state[f"{at}.self_attn.{x}_proj.{kind}"] for x in "qkv"])
    return found


def _openclip(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    found = _layers(state, "vision_model", "visual.transformer") | _layers(state, "text_model", "transformer")
    norms = {"vision_model.pre_layrnorm": "visual.ln_pre", "vision_model.post_layernorm": "visual.ln_post"}
    norms["text_model.final_layer_norm"] = "ln_final"
    for old, new in norms.items():
        found |= {f"{new}.{kind}": state[f"{old}.{kind}"] for kind in ("weight", "bias")}
    embeddings = "vision_model.embeddings"
    return found | {
        "visual.class_embedding": state[f"{embeddings}.class_embedding"],
        "visual.conv1.weight": state[f"{embeddings}.patch_embedding.weight"],
        "visual.positional_embedding": state[f"{embeddings}.position_embedding.weight"],
        "visual.proj": state["visual_projection.weight"].T.contiguous(),
        "token_embedding.weight": state["text_model.embeddings.token_embedding.weight"],
        "positional_embedding": state["text_model.embeddings.position_embedding.weight"],
        "text_projection": state["text_projection.weight"].T.contiguous(),
        "logit_scale": state["logit_scale"],
    }


def test_scores_are_those_of_transformers(faces: EvalSet, tmp_path: Path):
    open_clip = pytest.importorskip("open_clip", reason=NEEDS)
    pytest.importorskip("transformers", reason=NEEDS)
    theirs = _theirs()
    config = {"embed_dim": 16, "quick_gelu": True, "vision_cfg": VISION, "text_cfg": TEXT}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config, "preprocess_cfg": OWN}))
    torch.save(_openclip(theirs.state_dict()), tmp_path / "open_clip_pytorch_model.bin")
    metric = ClipScoreMetric(f"local-dir:{tmp_path}")
    metric.prepare(Setting(resamples=20, batch_size=2))
    metric.update(faces, Pictures(faces))  # type: ignore[arg-type]
    mean, std = (torch.tensor(OWN[name]).view(3, 1, 1) for name in ("mean", "std"))
    ids = open_clip.get_tokenizer("ViT-B-32")(list(faces.prompts))
    with torch.no_grad():
        logits = theirs(input_ids=ids, pixel_values=(faces.images / 255 - mean) / std)
    cosine = (logits.image_embeds * logits.text_embeds).sum(1)
    assert list(metric.samples()["clip_score"].values()) == pytest.approx(
        (100 * cosine.clamp(min=0)).tolist(), abs=1e-3
    )
    assert "5 of 5 prompts cut to 77 tokens" in metric.describe()["clip_score"]
    assert not metric._clip.is_cut("A smiling woman.")


def test_what_is_missing_is_said_before_any_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError, match=r"metric.clip_score.weights=None: there is no such file; give "):
        ClipScoreMetric().prepare(Setting())
    with pytest.raises(ConfigError, match=r"metric.clip_score.model=local-dir:.*there is no folder"):
        ClipScoreMetric(f"local-dir:{tmp_path}/none").prepare(Setting())
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(ConfigError, match=r"pip install open_clip_torch"):
        ClipScoreMetric(f"local-dir:{tmp_path}").prepare(Setting())
