"""timm's ResNet-10-T without importing timm, which takes 4 s.

Parameter names, initial values and outputs equal those of ``timm.create_model("resnet10t", num_classes=0)``.

Shapes: B images, C channels, H x W pixels or cells.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, overload

from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, max_pool2d, relu

STEM = (24, 32, 64)
CHANNELS = (64, 128, 256, 512)
"""Channels of the four stages."""


def _conv3x3(into: int, out: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(into, out, 3, stride, padding=1, bias=False)


class _Block(nn.Module):
    """Two convolutions with a shortcut; maps (B, C, H, W) to (B, C', H / stride, W / stride)."""

    def __init__(self, into: int, out: int, stride: int) -> None:
        super().__init__()
        shortcut = None  # drawn first, registered last, as in timm
        if stride > 1 or into != out:
            pool = nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False) if stride > 1 else nn.Identity()
            shortcut = nn.Sequential(pool, nn.Conv2d(into, out, 1, bias=False), nn.BatchNorm2d(out))
        self.conv1, self.bn1 = _conv3x3(into, out, stride), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = _conv3x3(out, out), nn.BatchNorm2d(out)
        self.downsample = shortcut

    def forward(self, x_BCHW: Tensor) -> Tensor:
        y_BCHW = self.bn2(self.conv2(relu(self.bn1(self.conv1(x_BCHW)), inplace=True)))
        return relu(y_BCHW + (x_BCHW if self.downsample is None else self.downsample(x_BCHW)), inplace=True)


class ResNet10T(nn.Module):
    """Maps images, float (B, 3, H, W), to pooled features, float (B, F).

    Args:
        channels: Channels of the four stages; the last is F.
    """

    def __init__(self, channels: Sequence[int] = CHANNELS) -> None:
        super().__init__()
        first, second, third = STEM
        self.conv1 = nn.Sequential(
            *(_conv3x3(3, first, 2), nn.BatchNorm2d(first), nn.ReLU(inplace=True)),
            *(_conv3x3(first, second), nn.BatchNorm2d(second), nn.ReLU(inplace=True)),
            _conv3x3(second, third),
        )
        self.bn1 = nn.BatchNorm2d(third)
        before = third
        for number, width in enumerate(channels, start=1):
            self.add_module(f"layer{number}", nn.Sequential(_Block(before, width, 1 if number == 1 else 2)))
            before = width
        self.num_features = self.head_hidden_size = before
        self.stages = len(channels)
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(part, _Block):
                nn.init.zeros_(part.bn2.weight)

    @overload
    def forward_intermediates(self, x_BCHW: Tensor, intermediates_only: Literal[True]) -> list[Tensor]: ...

    @overload
    def forward_intermediates(
        self, x_BCHW: Tensor, intermediates_only: Literal[False] = False
    ) -> tuple[Tensor, list[Tensor]]: ...

    def forward_intermediates(
        self, x_BCHW: Tensor, intermediates_only: bool = False
    ) -> list[Tensor] | tuple[Tensor, list[Tensor]]:
        """Feature maps of the stem and of each stage, float (B, C, h, w) each, finest first.

        Args:
            x_BCHW: float (B, 3, H, W), images.
            intermediates_only: Whether to return the list of maps alone; otherwise the result is (last map, list of
                maps).
        """
        maps = [relu(self.bn1(self.conv1(x_BCHW)), inplace=True)]
        x_BCHW = max_pool2d(maps[0], 3, 2, 1)
        for number in range(1, self.stages + 1):
            x_BCHW = self.get_submodule(f"layer{number}")(x_BCHW)
            maps.append(x_BCHW)
        return maps if intermediates_only else (x_BCHW, maps)

    def forward_features(self, x_BCHW: Tensor) -> Tensor:
        """Feature map of the last stage, float (B, F, h, w), of images (B, 3, H, W)."""
        return self.forward_intermediates(x_BCHW)[0]

    def forward_head(self, x_BFHW: Tensor, pre_logits: bool = True) -> Tensor:
        """Pools the last feature map (B, F, h, w) to float (B, F).

        Args:
            x_BFHW: float (B, F, h, w), the last map.
            pre_logits: Must be True; part of timm's interface, but this network has no classifier.
        """
        assert pre_logits
        return adaptive_avg_pool2d(x_BFHW, 1).flatten(1)

    def forward(self, x_BCHW: Tensor) -> Tensor:
        """Pooled features, float (B, F), of images (B, 3, H, W)."""
        return self.forward_head(self.forward_features(x_BCHW))
