"""Base class of the importers of transformers: combines the weights with tokenizers, experts and visual encoders.

Shapes: D model dimension, V ids, H hidden dimension of a feed-forward network.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unif2ace.data.text_tokenizer import TextTokenizer
from unif2ace.engine.fingerprint import fingerprint
from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.provenance import code_provenance
from unif2ace.engine.resolvers import visual_dims
from unif2ace.engine.run_metadata import components
from unif2ace.engine.snapshot import typed_command
from unif2ace.engine.weights import Weights, load_net, read_weights
from unif2ace.errors import ConfigError
from unif2ace.importers.base import Imported, Importer
from unif2ace.inference.card import model_card
from unif2ace.inference.release import KIND, Release, write_release
from unif2ace.nets.moe.feed_forwards.gelu import GELUFeedForward
from unif2ace.nets.transformer.unified import UnifiedNet
from unif2ace.nets.transformer.upcycle import upcycled
from unif2ace.sequence.vocabulary import Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

_NET = f"{UnifiedNet.__module__}.{UnifiedNet.__qualname__}"
_MODULE = "unif2ace.modules.unified.UnifiedModule"
_LOAD = f"{load_net.__module__}.{load_net.__qualname__}"
_GELU = f"{GELUFeedForward.__module__}.{GELUFeedForward.__qualname__}"
TABLES = ("embedding.weight", "head.weight", "head.bias")
"""Names of the tensors with one row per id, of shapes (V, D), (V, D) and (V,)."""


@dataclass(frozen=True, slots=True)
class DenseTransformer:
    """A transformer of another project, converted to a dense `UnifiedNet`.

    Attributes:
        block: `_target_` of the blocks.
        ffn_dim: Hidden dimension of the feed-forward networks, H.
        options: Further arguments of `UnifiedNet`: dim, depth, heads, and settings other than the defaults.
        state: Tensors (...) by the names of a dense `UnifiedNet`. Tensors in `TABLES` have the source's number of rows.
        left_out: As in `Imported`.
        feed_forward: Configuration of the feed-forward networks, with `_partial_`.
        new: Names of newly initialised tensors in `state`, which the source does not have.
    """

    block: str
    ffn_dim: int
    options: Mapping[str, Any]
    state: Mapping[str, Tensor]
    left_out: Mapping[str, str] = field(default_factory=dict)
    feed_forward: Mapping[str, Any] = field(default_factory=lambda: {"_target_": _GELU, "_partial_": True})
    new: frozenset[str] = frozenset()


class TransformerImporter(Importer):
    """Imports a transformer, optionally as a mixture of experts that initially computes the same as the dense network.

    Args:
        image_tokenizer: Run folder or weights of the image tokenizer, whose codes become part of the vocabulary.
        text_tokenizer: The ``tokenizer.json`` of the text tokenizer, or its folder.
        image_size: Side of the images in pixels.
        max_text: Maximum number of text tokens in a sequence.
        moe: Configuration of the experts as plain containers, with `_target_`.
        visual_encoders: Configurations of the visual encoders, by name.
        allow: Prefixes of further classes that a configuration may instantiate, see `engine.allow`.

    Raises:
        ConfigError: If a tokenizer is None.
    """

    kind = KIND

    def __init__(
        self,
        image_tokenizer: str | None,
        text_tokenizer: str | None,
        image_size: int,
        max_text: int,
        moe: Mapping[str, Any],
        visual_encoders: Mapping[str, Any] | None = None,
        allow: Iterable[str] = (),
    ) -> None:
        for key, value in (("image_tokenizer", image_tokenizer), ("text_tokenizer", text_tokenizer)):
            if value is None:
                raise ConfigError(f"{key}=null: the vocabulary needs both tokenizers; add {key}=PATH")
        self.image_tokenizer, self.text = str(image_tokenizer), TextTokenizer(str(text_tokenizer))
        self.image_size, self.max_text = image_size, max_text
        self.moe, self.visual_encoders, self.allow = dict(moe), dict(visual_encoders or {}), tuple(allow)

    @abstractmethod
    def dense(self, state: Mapping[str, Tensor]) -> DenseTransformer:
        """Converts the source to a dense transformer. Sizes are read from the shapes of the tensors.

        Args:
            state: All tensors of the source, of any shape (...), by their names in the source.

        Raises:
            DataError: If a tensor is missing, unknown or of another shape.
        """

    def rows_taken(self, rows: int, vocabulary: Vocabulary) -> int:
        """Number of rows to copy from the start of the source's `TABLES`; the other rows are newly initialised.

        In a language model the text ids come first, and the remaining rows are unused.

        Args:
            rows: Number of rows of the source's embedding.
            vocabulary: Vocabulary of both tokenizers.

        Raises:
            ConfigError: If the text tokenizer has more ids than the source's embedding has rows.
        """
        if vocabulary.text_size > rows:
            raise ConfigError(
                f"text_tokenizer={self.text.path} has {vocabulary.text_size:,} ids, but the source's embedding has "
                f"{rows:,} rows: give the text tokenizer of the source"
            )
        return vocabulary.text_size

    def imported(self, state: Mapping[str, Tensor]) -> Imported:
        """See the base class."""
        import torch

        dense = self.dense(state)
        config = self._config(dense)
        net = instantiate(config, allow=self.allow)
        own, rows = net.state_dict(), len(dense.state[TABLES[0]])
        taken = self.rows_taken(rows, net.vocabulary)
        given = dict(dense.state)
        for name in TABLES if taken < len(own[TABLES[0]]) or taken < rows else ():
            if name in given:
                given[name] = torch.cat([given[name][:taken], own[name][taken:].to(given[name].dtype)])
        complete = {**own, **upcycled(net, given)}
        values = {id(value) for value in given.values()}
        made = dense.new | {name for name, value in complete.items() if id(value) not in values}
        notes = () if taken == len(own[TABLES[0]]) else (f"made      ids {taken:,} to {len(own[TABLES[0]]) - 1:,}",)
        return Imported(KIND, config, complete, made, dense.left_out, notes, self._provenance())

    def _config(self, dense: DenseTransformer) -> dict[str, Any]:
        tokenizer: Any = load_net(self.image_tokenizer, "tokenizer", self.allow)
        if self.image_size % tokenizer.factor:
            raise ConfigError(
                f"image_size={self.image_size}: must be a multiple of {tokenizer.factor}, the image tokenizer's factor"
            )
        if (given := self.moe.get("shared_ffn_dim", dense.ffn_dim)) not in (None, dense.ffn_dim):
            raise ConfigError(f"moe.shared_ffn_dim={given}: the source has {dense.ffn_dim}; remove this key")
        if self.moe.get("feed_forward") is not None:
            raise ConfigError("moe.feed_forward: the source determines the feed-forward network; remove this key")
        return {
            "_target_": _NET,
            "block": {"_target_": dense.block, "_partial_": True},
            "moe": {**self.moe, "shared_ffn_dim": dense.ffn_dim, "feed_forward": dict(dense.feed_forward)},
            "text_size": self.text.vocab_size,
            "bos_id": self.text.eos_id,
            "eos_id": self.text.eos_id,
            "codebook_size": tokenizer.quantizer.num_codes,
            "num_image_tokens": (self.image_size // tokenizer.factor) ** 2,
            "visual_dims": visual_dims(self.visual_encoders),
            "image_pos_embed": False,
            "early_fusion": False,
            "grounded_words": False,
            **dense.options,
        }

    def _provenance(self) -> dict[str, Any]:
        module = {
            "_target_": _MODULE,
            "image_tokenizer": {
                "_target_": _LOAD,
                "_partial_": True,
                "path": self.image_tokenizer,
                "kind": "tokenizer",
            },
            "image_size": self.image_size,
            "visual_encoders": self.visual_encoders,
            "max_text": self.max_text,
        }
        made_by = {"code": code_provenance(), "commands": [typed_command()], "imported_from": self.source}
        return {"module": module, "components": components(module), **made_by}

    def write(self, imported: Imported, folder: Path) -> Path:
        """Writes a release folder: the transformer, both tokenizers and the model card."""
        file = folder / f"{KIND}.safetensors"
        header, found = dict(imported.provenance), fingerprint(imported.state, imported.config)
        unified = Weights(file, KIND, imported.config, imported.state, header, found)
        used = {kind: read_weights(one["path"], kind) for kind, one in header["components"].items()}
        release = Release(unified, used, self.text.path)
        title, license = f"{self.source.partition(' ')[2]}, imported", "as the imported weights"
        write_release(release, folder, lambda stored: model_card(release, stored, title, license), None, license)
        return file
