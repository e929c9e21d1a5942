"""The image tokenizer of Show-o (arXiv 2408.12528), a MAGVIT-v2 tokenizer (arXiv 2310.05737)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from unif2ace.engine.instantiate import instantiate
from unif2ace.engine.provenance import code_provenance
from unif2ace.engine.snapshot import typed_command
from unif2ace.engine.weights import Weights, load_net
from unif2ace.errors import ConfigError, DataError
from unif2ace.importers.base import Imported, Importer
from unif2ace.nets.quantizers.lfq import LFQ
from unif2ace.nets.tokenizer.magvit import CODE_BUFFERS, MagvitNet

if TYPE_CHECKING:
    from torch import Tensor


class MagvitImporter(Importer):
    """Imports the image tokenizer. Sizes and the number of bits are read from the shapes of the tensors."""

    kind = "tokenizer"
    source = "a MAGVIT-v2 image tokenizer"
    mark = r"^encoder\.down\.\d+\.block\."

    def imported(self, state: Mapping[str, Tensor]) -> Imported:
        """See the base class."""
        config = _config(state)
        net: MagvitNet = instantiate(config)
        net.load_official(state)
        left_out = dict.fromkeys(sorted(CODE_BUFFERS & state.keys()), "the list of codes, which is computed")
        made_by = {"code": code_provenance(), "commands": [typed_command()], "imported_from": self.source}
        return Imported(self.kind, config, net.state_dict(), left_out=left_out, provenance=made_by)

    @classmethod
    def exported(cls, weights: Weights) -> dict[str, Tensor]:
        """The tensors with the names that Show-o uses."""
        net = load_net(weights, "tokenizer")
        if not isinstance(net, MagvitNet):
            raise ConfigError(
                f"{weights.path} is a {type(net).__name__}, not {cls.source}: give a tokenizer trained with net=magvit"
            )
        return net.official()


def _config(state: Mapping[str, Tensor]) -> dict[str, Any]:
    """Configuration of the network, from the shapes of its tensors."""
    encoder, decoder = _levels(state, "encoder.down"), _levels(state, "decoder.up")
    channels = math.gcd(*(width for width, _ in encoder + decoder))
    bits = len(_tensor(state, "encoder.quant_conv.weight"))
    return {
        "_target_": f"{MagvitNet.__module__}.{MagvitNet.__qualname__}",
        "quantizer": {"_target_": f"{LFQ.__module__}.{LFQ.__qualname__}", "_partial_": True, "num_bits": bits},
        "channels": channels,
        "encoder_multipliers": [width // channels for width, _ in encoder],
        "decoder_multipliers": [width // channels for width, _ in decoder],
        "encoder_blocks": [blocks for _, blocks in encoder],
        "decoder_blocks": [blocks for _, blocks in decoder],
    }


def _levels(state: Mapping[str, Tensor], place: str) -> list[tuple[int, int]]:
    """Number of channels and number of residual blocks of each resolution level, the highest resolution first."""
    found: list[tuple[int, int]] = []
    while (name := f"{place}.{len(found)}.block.0.conv1.weight") in state or not found:
        blocks = 0
        while f"{place}.{len(found)}.block.{blocks}.conv1.weight" in state:
            blocks += 1
        found.append((len(_tensor(state, name)), blocks))
    return found


def _tensor(state: Mapping[str, Tensor], name: str) -> Tensor:
    if name not in state:
        raise DataError(f"the tensor {name!r} is missing: copy all weights of the published model")
    return state[name]
