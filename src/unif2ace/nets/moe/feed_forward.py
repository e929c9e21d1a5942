"""The feed-forward network of a dense block. Shapes: B sequences, L positions, D width, H hidden dimensions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor, nn
from torch.nn import functional

from unif2ace.errors import ConfigError
from unif2ace.nets.sharding import is_sharded, local, shard_weight_, shared, summed

if TYPE_CHECKING:
    from torch.distributed.device_mesh import DeviceMesh


class FeedForward(nn.Module):
    r"""Two linear layers with biases around a tanh-approximated GELU: :math:`W_2\,g(W_1 x + b_1) + b_2`.

    Maps (B, L, D) to (B, L, D).

    Args:
        dim: D.
        hidden: H; None for 4 D.

    Raises:
        ConfigError: If a size is below 1.
    """

    def __init__(self, dim: int, hidden: int | None = None) -> None:
        super().__init__()
        hidden = 4 * dim if hidden is None else hidden
        if min(dim, hidden) < 1:
            raise ConfigError(
                f"a feed-forward network of width {dim} and moe.shared_ffn_dim={hidden}: each must be 1 or more"
            )
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def shard_(self, mesh: DeviceMesh) -> None:
        """Shards the hidden dimensions over the ranks."""
        for linear, name, axis in ((self.up, "weight", 0), (self.up, "bias", 0), (self.down, "weight", 1)):
            shard_weight_(linear, name, axis, mesh, "moe.shared_ffn_dim")

    def forward(self, x_BLD: Tensor) -> Tensor:
        """The network at each position, (B, L, D)."""
        weight = self.down.weight
        if is_sharded(weight):
            mesh = weight.device_mesh
            hidden_BLH = functional.linear(shared(x_BLD, mesh), local(self.up.weight), local(self.up.bias))
            part_BLD = functional.linear(functional.gelu(hidden_BLH, approximate="tanh"), local(weight))
            return summed(part_BLD, mesh) + self.down.bias.to(part_BLD.dtype)
        out_BLD: Tensor = self.down(functional.gelu(self.up(x_BLD), approximate="tanh"))
        return out_BLD

    def check_state(self, state: Mapping[str, Tensor]) -> None:
        """Compares names and shapes of another network's weights with this one's, which may be sharded.

        Args:
            state: Its ``up.weight`` (H, D), ``up.bias`` (H,), ``down.weight`` (D, H) and ``down.bias`` (D,).

        Raises:
            ConfigError: If one is missing, unknown or of another shape.
        """
        own = {name: tuple(value.shape) for name, value in self.state_dict().items()}
        for name in sorted(own.keys() | state.keys()):
            found, here = (tuple(state[name].shape) if name in state else None), own.get(name)
            if found != here:
                raise ConfigError(
                    f"the dense network does not fit: {name} is {found or 'missing'}, here {here or 'unknown'}; "
                    "set moe.shared_ffn_dim to its width"
                )
