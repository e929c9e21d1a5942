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
"""Settings of Show-o that cannot be read from its tensors."""
_BUFFER = "rotary_emb.inv_freq"


class ShowoImporter(TransformerImporter):
    """Imports the transformer of Show-o, whose vocabulary has the same order. Arguments: see `TransformerImporter`."""

    source = "a Show-o transformer"
    mark = r"^showo\.model\.layers\.\d+\."

    def dense(self, state: Mapping[str, Tensor]) -> DenseTransformer:
        """See the base class."""
        left_out = {name: "a buffer, which is computed" for name in state if name.endswith(_BUFFER)}
        kept = {name: value for name, value in state.items() if name not in left_out}
        made, sizes = from_showo(kept), sizes_of(kept)
        options = {"dim": sizes.dim, "depth": sizes.depth, "heads": sizes.heads, **_FIXED}
        block = "unif2ace.nets.transformer.blocks.parallel.ParallelBlock"
        return DenseTransformer(block, sizes.hidden, options, made, left_out)

    def rows_taken(self, rows: int, vocabulary: Vocabulary) -> int:
        """Returns `rows`: all rows of the source are copied (text, special tokens, image codes and the mask).

        Args:
            rows: Number of rows of the source's embedding, V.
            vocabulary: Vocabulary of both tokenizers.

        Raises:
            ConfigError: If the vocabulary does not have V ids.
        """
        if rows != vocabulary.size:
            codes, rest = vocabulary.codebook_size, len(SPECIAL) + 1
            wanted = rows - codes - rest
            known = f"has {vocabulary.text_size:,}"
            if vocabulary.text_size == wanted + len(SPECIAL):
                known += ": give a tokenizer without Show-o's own special tokens, whose ids this project adds itself"
            raise ConfigError(
                f"the embedding has {rows:,} rows: with {codes:,} image codes and {rest} special tokens, "
                f"text_tokenizer needs {wanted:,} ids, but {self.text.path} {known}; Show-o uses the tokenizer of "
                "Phi-1.5 (50,295 ids) and 8,192 image codes"
            )
        return rows

    @classmethod
    def exported(cls, weights: Weights) -> dict[str, Tensor]:
        """The tensors with Show-o's names. A mixture of experts must still compute the same as its dense network."""
        config = weights.config
        for key, theirs in _FIXED.items():
            if config.get(key, theirs) != theirs:
                raise ConfigError(f"{weights.path}: cannot export net.{key}={config[key]}, Show-o requires {theirs}")
        if config.get("early_fusion") and config.get("visual_dims"):
            raise ConfigError(
                f"{weights.path}: cannot export net.early_fusion=true, because Show-o does not support visual features"
            )
        return to_showo(dense_state(weights.state))
