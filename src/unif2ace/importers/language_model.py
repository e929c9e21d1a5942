"""Base class of the importers of language models in the format of the `transformers` library.

Shapes: D model dimension, d head dimension, H hidden dimension of a feed-forward network, V ids.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from unif2ace.data.text_tokenizer import FILE_NAME as TEXT_FILE
from unif2ace.engine.config_comments import choices_of
from unif2ace.errors import ConfigError, DataError
from unif2ace.importers.base import Imported
from unif2ace.importers.recognition import GROUP, importer_class
from unif2ace.importers.source import read_settings, settings_file
from unif2ace.importers.transformer import DenseTransformer, TransformerImporter

if TYPE_CHECKING:
    from torch import Tensor

_NETS = "unif2ace.nets"
PARALLEL, SEQUENTIAL = (
    f"{_NETS}.transformer.blocks.{name}" for name in ("parallel.ParallelBlock", "sequential.SequentialBlock")
)
LAYER_NORM, RMS_NORM = (f"{_NETS}.transformer.norms.{name}" for name in ("layer_norm.LayerNorm", "rms_norm.RMSNorm"))
GELU, SWIGLU = (f"{_NETS}.moe.feed_forwards.{name}" for name in ("gelu.GELUFeedForward", "swiglu.SwiGLUFeedForward"))
_LAYER = re.compile(r"model\.layers\.(\d+)\.")
_PROJECTIONS = tuple(f"self_attn.{x}_proj" for x in "qkv")
_TYPED = (
    *("dim", "depth", "heads", "num_kv_heads", "head_dim", "rotary_fraction", "rotary_theta", "eps", "qk_norm"),
    *("qkv_bias", "out_bias", "head_bias", "tie_embeddings", "image_pos_embed", "early_fusion", "grounded_words"),
)
"""Keys of `net` that a training command must set to the same values."""
_BUFFER = "rotary_emb.inv_freq"


class LanguageModelImporter(TransformerImporter):
    """Imports a language model, to start training from with `init_from=`.

    The embedding rows of special tokens and image codes are newly initialised. Sizes are read from the shapes of the
    tensors, other settings from the ``config.json`` in the folder of the weights.

    Args:
        weights: Weights file of the language model, or its folder.
        image_tokenizer: As in `TransformerImporter`.
        text_tokenizer: As in `TransformerImporter`; None for the ``tokenizer.json`` in the folder of the weights.
        image_size: As in `TransformerImporter`.
        max_text: As in `TransformerImporter`.
        moe: As in `TransformerImporter`.
        qk_norm: Whether queries and keys are normalised. None to do as the source. Adding norms that the source does
            not have changes the outputs of the model.
        visual_encoders: As in `TransformerImporter`.
        allow: As in `TransformerImporter`.

    Raises:
        ConfigError: If `weights` or a tokenizer is None.

    Attributes:
        preset: Name of the file in ``configs/net`` with the same layers.
        model_types: Supported values of ``model_type`` in ``config.json``.
        block: `_target_` of the blocks.
        norm: `_target_` of the normalisation layers.
        feed_forward: `_target_` of the feed-forward networks.
        eps_key: Key in ``config.json`` of the epsilon of the normalisation layers.
        activations: Supported values of ``hidden_act`` in ``config.json``.
        final_norm: Name in the source of the final normalisation layer.
        layers: Names of the parts of a block: name in this project to name in a layer of the source. Query, key and
            value projections are not included.
        optional: Keys of `layers` that a source may lack.
        defaults: Default values of keys that ``config.json`` may lack.
    """

    preset: ClassVar[str]
    model_types: ClassVar[tuple[str, ...]]
    block: ClassVar[str]
    norm: ClassVar[str]
    feed_forward: ClassVar[str]
    eps_key: ClassVar[str]
    activations: ClassVar[tuple[str, ...]]
    final_norm: ClassVar[str]
    layers: ClassVar[Mapping[str, str]]
    optional: ClassVar[tuple[str, ...]] = ("attention.q_norm", "attention.k_norm")
    defaults: ClassVar[Mapping[str, Any]] = {
        "rope_theta": 10000.0,
        "partial_rotary_factor": 1.0,
        "tie_word_embeddings": False,
    }

    def __init__(
        self,
        weights: str | None,
        image_tokenizer: str | None,
        text_tokenizer: str | None,
        image_size: int,
        max_text: int,
        moe: Mapping[str, Any],
        qk_norm: bool | None = None,
        visual_encoders: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        if weights is None:
            raise ConfigError("weights=null: add weights=PATH, a weights file in a folder with its config.json")
        self.weights, self.qk_norm = Path(weights), qk_norm
        beside = settings_file(self.weights).with_name(TEXT_FILE)
        text = str(beside) if text_tokenizer is None and beside.is_file() else text_tokenizer
        super().__init__(image_tokenizer, text, image_size, max_text, moe, visual_encoders, allow)

    def imported(self, state: Mapping[str, Tensor]) -> Imported:
        """See the base class."""
        found = super().imported(state)
        return replace(found, notes=(*found.notes, f"train it with: {' '.join(self._words(found.config))}"))

    def _words(self, config: Mapping[str, Any]) -> Iterator[str]:
        """Yields the overrides of a training command that give the same network, whatever the experiment sets."""
        yield f"net={self.preset}"
        yield from (f"net.{key}={str(config[key]).lower()}" for key in _TYPED)
        yield f"moe.shared_ffn_dim={config['moe']['shared_ffn_dim']}"
        yield "module.code_features=false"

    def dense(self, state: Mapping[str, Tensor]) -> DenseTransformer:
        """See the base class."""
        settings = self._settings()
        left_out = {name: "a buffer, which is computed" for name in state if name.endswith(_BUFFER)}
        if settings["tie_word_embeddings"] and "lm_head.weight" in state:
            left_out["lm_head.weight"] = "tied to the embedding"
        made = self._renamed({n: v for n, v in state.items() if n not in left_out}, settings)
        sizes = self._sizes(made, settings)
        norms = [name for name in made if "attention.q_norm." in name or "attention.k_norm." in name]
        normed = bool(norms) if self.qk_norm is None else self.qk_norm
        new = self._new_norms(made, sizes) if normed and not norms else {}
        if norms and not normed:
            left_out |= dict.fromkeys(norms, "importer.qk_norm=false")
            made = {name: value for name, value in made.items() if name not in norms}
        options = {
            **sizes,
            "qkv_bias": "blocks.0.attention.qkv.bias" in made,
            "out_bias": "blocks.0.attention.out.bias" in made,
            "head_bias": "head.bias" in made,
            "norm": {"_target_": self.norm, "_partial_": True},
            "eps": _number(settings, self.eps_key),
            "rotary_theta": _number(settings, "rope_theta"),
            "rotary_fraction": _number(settings, "partial_rotary_factor"),
            "qk_norm": normed,
            "tie_embeddings": bool(settings["tie_word_embeddings"]),
        }
        bias = "blocks.0.token_moe.network.down.bias" in made
        network = {"_target_": self.feed_forward, "_partial_": True, "bias": bias}
        ffn_dim = len(made["blocks.0.token_moe.network.up.weight"])
        return DenseTransformer(self.block, ffn_dim, options, {**made, **new}, left_out, network, frozenset(new))

    def _sizes(self, made: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, int]:
        """Sizes of the network, from tensor shapes and the number of heads; sizes in ``config.json`` must agree."""
        heads, (rows, dim) = _number(settings, "num_attention_heads"), made["embedding.weight"].shape
        q_rows = made["blocks.0.attention.out.weight"].shape[1]
        kv_rows = (len(made["blocks.0.attention.qkv.weight"]) - q_rows) // 2
        if q_rows % heads or kv_rows % (head_dim := q_rows // heads):
            raise DataError(
                f"config.json: num_attention_heads={heads} does not divide the {q_rows} query and {kv_rows} key "
                "dimensions of the tensors; copy config.json and the weights from the same published folder"
            )
        depth = sum(name.endswith("attention.qkv.weight") for name in made)
        sizes = {"dim": dim, "depth": depth, "heads": heads, "num_kv_heads": kv_rows // head_dim, "head_dim": head_dim}
        keys = {"hidden_size": dim, "num_hidden_layers": depth, "num_key_value_heads": sizes["num_kv_heads"]}
        for key, value in (keys | {"vocab_size": rows, "head_dim": head_dim}).items():
            if settings.get(key) not in (None, value):
                raise DataError(
                    f"config.json: {key}={settings[key]}, but the tensors have {value}; copy config.json and the "
                    "weights from the same published folder"
                )
        return sizes

    def _settings(self) -> dict[str, Any]:
        """Reads ``config.json``, and checks that this project supports its settings."""
        given = read_settings(self.weights)
        kind = given.get("model_type")
        if kind not in self.model_types:
            others = (n for n in choices_of(GROUP) if kind in getattr(importer_class(n), "model_types", ()))
            hint = next((f": use `unif2ace-checkpoint import {name} ...`" for name in others), "")
            raise DataError(f"config.json: model_type={kind!r} is not {' or '.join(self.model_types)}{hint}")
        rotary = {**(given.get("rope_scaling") or {}), **(given.get("rope_parameters") or {})}
        settings = {**self.defaults, **given, **{k: v for k, v in rotary.items() if k in self.defaults}}
        scaling = rotary.get("rope_type", rotary.get("type", "default"))
        windows = [kind for kind in settings.get("layer_types") or () if kind != "full_attention"]
        refused = {
            f"hidden_act={settings.get('hidden_act')}": settings.get("hidden_act") not in self.activations,
            f"rope_type={scaling}, which scales the rotary frequencies": scaling != "default",
            "use_sliding_window=true": bool(settings.get("use_sliding_window")),
            f"layer_types with {windows[:1]}": bool(windows),
        }
        for what, is_refused in refused.items():
            if is_refused:
                raise DataError(f"config.json: {what}: this setting is not supported; import a model without it")
        return settings

    def _renamed(self, state: Mapping[str, Tensor], settings: Mapping[str, Any]) -> dict[str, Tensor]:
        """Renames the tensors to the names of this project, and concatenates queries, keys and values."""
        import torch

        made, used = dict[str, Any](), set[str]()
        for ours, theirs in self._places(state, bool(settings["tie_word_embeddings"])).items():
            first = _LAYER.sub("model.layers.0.", theirs[0])
            kinds = [kind for kind in ("weight", "bias") if f"{first}.{kind}" in state]
            for kind in kinds or ([] if ours.split(".", 2)[-1] in self.optional else ["weight"]):
                names = [f"{name}.{kind}" for name in theirs]
                if missing := [name for name in names if name not in state]:
                    raise DataError(f"the tensor {missing[0]!r} is missing: copy all weights of the published model")
                made[f"{ours}.{kind}"] = torch.cat([state[n] for n in names]) if len(names) > 1 else state[names[0]]
                used |= set(names)
        if unknown := sorted(state.keys() - used):
            raise DataError(
                f"the tensors {unknown[0]!r} and {len(unknown) - 1} more are not part of {self.source}: give other "
                "weights, or use another importer"
            )
        if settings["tie_word_embeddings"]:
            made["head.weight"] = made["embedding.weight"]
        return made

    def _places(self, state: Iterable[str], tied: bool) -> dict[str, list[str]]:
        """For each part of the network, its name in this project and the names of its parts in the source."""
        outer = {"embedding": "model.embed_tokens", "norm": self.final_norm, **({} if tied else {"head": "lm_head"})}
        places = {ours: [theirs] for ours, theirs in outer.items()}
        for layer in range(1 + max((int(m[1]) for name in state if (m := _LAYER.match(name))), default=0)):
            for ours, theirs in self.layers.items():
                places[f"blocks.{layer}.{ours}"] = [f"model.layers.{layer}.{theirs}"]
            places[f"blocks.{layer}.attention.qkv"] = [f"model.layers.{layer}.{name}" for name in _PROJECTIONS]
        return places

    def _new_norms(self, made: Mapping[str, Tensor], sizes: Mapping[str, int]) -> dict[str, Tensor]:
        """Newly initialised normalisation layers of queries and keys."""
        like, width = made["norm.weight"], sizes["head_dim"]
        kinds = {"weight": like.new_ones(width)}
        if self.norm == LAYER_NORM:
            kinds["bias"] = like.new_zeros(width)
        names = [f"blocks.{layer}.attention.{x}_norm" for layer in range(sizes["depth"]) for x in "qk"]
        return {f"{name}.{kind}": value.clone() for name in names for kind, value in kinds.items()}


def _number(settings: Mapping[str, Any], key: str) -> Any:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise DataError(f"config.json: {key}={value} must be above 0; copy config.json from the published folder")
    return value
