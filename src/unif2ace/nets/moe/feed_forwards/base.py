"""Base class of feed-forward networks. Shapes: B sequences, L positions, D width, H hidden dimensions."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import DividedWeight, is_sharded, local, shard_weight_, shared, summed

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class FeedForward(nn.Module, ABC):
    """Linear layers from D to H dimensions, an activation of their outputs, and a linear layer from H back to D.

    Maps (B, L, D) to (B, L, D).

    Args:
        dim: D.
        hidden: H.
        bias: Whether the linear layers have biases.

    Raises:
        ConfigError: If a size is below 1.
    """

    inputs: ClassVar[tuple[str, ...]]
    """Names of the linear layers from D to H dimensions."""

    def __init__(self, dim: int, hidden: int, bias: bool) -> None:
        super().__init__()
        if min(dim, hidden) < 1:
            raise ConfigError(f"net.dim={dim}, moe.shared_ffn_dim={hidden}: each must be 1 or more")
        for name in self.inputs:
            self.add_module(name, nn.Linear(dim, hidden, bias))
        self.down = nn.Linear(hidden, dim, bias)

    @abstractmethod
    def activate(self, *outputs_BLH: Tensor) -> Tensor:
        """The hidden activations, (B, L, H).

        Args:
            *outputs_BLH: float (B, L, H), output of each of `inputs`.
        """

    def divided_weights(self) -> list[DividedWeight]:
        """The hidden dimensions, see `unif2ace.nets.sharding.Divisible`."""
        kinds = ("weight",) if self.down.bias is None else ("weight", "bias")
        return [(self.get_submodule(name), kind, 0) for name in self.inputs for kind in kinds] + [
            (self.down, "weight", 1)
        ]

    def shard_(self, mesh: DeviceMesh) -> None:
        """Shards the hidden dimensions over the ranks."""
        for linear, name, axis in self.divided_weights():
            shard_weight_(linear, name, axis, mesh, "moe.shared_ffn_dim")

    def forward(self, x_BLD: Tensor) -> Tensor:
        """Applies the network to each position, (B, L, D)."""
        layers, weight = [self.get_submodule(name) for name in self.inputs], self.down.weight
        if not is_sharded(weight):
            out_BLD: Tensor = self.down(self.activate(*(layer(x_BLD) for layer in layers)))
            return out_BLD
        mesh = weight.device_mesh
        x_BLD = shared(x_BLD, mesh)
        hidden_BLH = self.activate(*(_own_part(x_BLD, layer) for layer in layers))
        part_BLD = summed(functional.linear(hidden_BLH, local(weight)), mesh)
        return part_BLD if self.down.bias is None else part_BLD + self.down.bias.to(part_BLD.dtype)

    def check_state(self, state: Mapping[str, Tensor]) -> None:
        """Checks that another network's weights have the names and shapes of this network's, which may be sharded.

        Args:
            state: The other network's ``weight`` (H, D) and ``bias`` (H,) of each of `inputs`, ``down.weight`` (D, H)
                and ``down.bias`` (D,).

        Raises:
            ConfigError: If a tensor is missing, unknown or of another shape.
        """
        own = {name: tuple(value.shape) for name, value in self.state_dict().items()}
        for name in sorted(own.keys() | state.keys()):
            found, here = (tuple(state[name].shape) if name in state else None), own.get(name)
            if found != here:
                raise ConfigError(
                    f"the dense network does not fit: its {name} is {found or 'missing'}, but here it is "
                    f"{here or 'unknown'}; set feed_forward and moe.shared_ffn_dim as in the dense network"
                )


def _own_part(x_BLD: Tensor, layer: nn.Module) -> Tensor:
    """This rank's part of a linear layer's output, (B, L, H / ranks)."""
    assert isinstance(layer, nn.Linear)
    bias: Tensor | None = layer.bias
    return functional.linear(x_BLD, local(layer.weight), None if bias is None else local(bias))
