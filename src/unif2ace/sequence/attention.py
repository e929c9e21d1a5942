"""Omni-attention: bidirectional among image tokens, causal for text (Show-o, arXiv 2408.12528, section 3).

Shapes: B sequences, L positions. The last two axes of a mask are the query and the key position.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.types import Role, Task


def omni_attention(role_BL: Tensor, task_B: Tensor) -> Tensor:
    """Attention mask, bool (B, 1, L, L), True where a query may attend to a key.

    Every position attends to itself and to all positions before it. In T2I sequences, soi, image and eoi tokens also
    attend to each other. In MMU sequences, every position also attends to all positions up to eoi. Only padding attends
    to padding, so no attention row is empty.

    Args:
        role_BL: int8 (B, L), values of `Role`.
        task_B: int8 (B,), values of `Task`.
    """
    length = role_BL.shape[1]
    back_LL = torch.ones(length, length, dtype=torch.bool, device=role_BL.device).tril()
    image_BL = (role_BL >= Role.SOI) & (role_BL <= Role.EOI)
    generates_B11 = (task_B == Task.TEXT_TO_IMAGE)[:, None, None]
    to_eoi_BL = image_BL.flip(1).cumsum(1).flip(1) > 0  # soi, image, eoi and all positions before
    asks_BLL = torch.where(generates_B11, image_BL[:, :, None] & to_eoi_BL[:, None], to_eoi_BL[:, None])
    real_BL = role_BL != Role.PAD
    allowed_BLL = (back_LL | asks_BLL) & ~(real_BL[:, :, None] & ~real_BL[:, None])
    return allowed_BLL[:, None]
