"""Show-o (arXiv 2408.12528). Shapes: V ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from unif2ace.engine.weights import Weights
from unif2ace.errors import ConfigError
from unif2ace.importers.transformer import DenseTransformer, TransformerImporter
from unif2ace.nets.transformer.showo import from_showo, sizes_of, to_showo
from unif2ace.nets.transformer.upcycle import dense_state
from unif2ace.sequence.vocabulary import SPECIAL, Vocabulary

if TYPE_CHECKING:
    from torch import Tensor

_FIXED = {"rotary_fraction": 0.5, "rotary_theta": 10000.0, "qk_norm": True, "eps": 1e-5}
"""Settings of Show-o that its tensors do not show."""
_BUFFER = "rotary_emb.inv_freq"


class ShowoImporter(TransformerImporter):
    """Imports the transformer of Show-o, whose vocabulary has the same order; its arguments are in the base class."""

    source = "a Show-o transformer"
    mark = r"^showo\.model\.layers\.\d+\."

    def dense(self, state: Mapping[str, Tensor]) -> DenseTransformer:
        """See the base class."""
        left_out = {name: "a buffer, computed here" for name in state if name.endswith(_BUFFER)}
        kept = {name: value for name, value in state.items() if name not in left_out}
        made, sizes = from_showo(kept), sizes_of(kept)
        options = {"dim": sizes.dim, "depth": sizes.depth, "heads": sizes.heads, **_FIXED}
        block = "unif2ace.nets.transformer.blocks.parallel.ParallelBlock"
        return DenseTransformer(block, sizes.hidden, options, made, left_out)

    def rows_taken(self, rows: int, vocabulary: Vocabulary) -> int:
        """All rows: text, special tokens, image codes and the mask.

        Args:
            rows: V of the source.
            vocabulary: Ids of both tokenizers.

        Raises:
            ConfigError: If the tokenizers have another number of ids.
        """
        if rows != vocabulary.size:
            codes, rest = vocabulary.codebook_size, len(SPECIAL) + 1
            wanted = rows - codes - rest
            known = f"its tokenizer has {vocabulary.text_size:,}"
            if vocabulary.text_size == wanted + len(SPECIAL):
                known += ": give it without Show-o's own special tokens, which have their ids here already"
            raise ConfigError(
                f"the embedding has {rows:,} rows: with {codes:,} image codes and {rest} special tokens, "
                f"text_tokenizer needs {wanted:,} ids, but {self.text.path}: {known}; Show-o has 50,295 (Phi-1.5) and "
                "8,192 codes"
            )
        return rows

    @classmethod
    def exported(cls, weights: Weights) -> dict[str, Tensor]:
        """Tensors by Show-o's names, of a dense network or a mixture that still computes what a dense one does."""
        config = weights.config
        for key, theirs in _FIXED.items():
            if config.get(key, theirs) != theirs:
                raise ConfigError(f"{weights.path}: net.{key}={config[key]}, and Show-o computes with {theirs}")
        if config.get("early_fusion") and config.get("visual_dims"):
            raise ConfigError(f"{weights.path}: net.early_fusion adds visual features, which Show-o does not read")
        return to_showo(dense_state(weights.state))
