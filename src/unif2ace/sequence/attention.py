"""Omni attention: image tokens look at each other in both directions, text looks back (arXiv 2408.12528, section 3).

Letters: B rows, L columns; q asks, k is looked at.
"""

from __future__ import annotations

import torch
from torch import Tensor

from unif2ace.types import Role, Task


def omni_attention(role_BL: Tensor, task_B: Tensor) -> Tensor:
    """Who may look at whom, bool (B, 1, L, L).

    Everybody looks back. In T2I rows soi, image and eoi look at each other too; in MMU rows everybody looks at all
    that stands up to eoi. Nobody looks at padding but padding itself, whose rows therefore never are empty.

    Args:
        role_BL: int8, values of `Role`.
        task_B: int8, values of `Task`.
    """
    length = role_BL.shape[1]
    back_LL = torch.ones(length, length, dtype=torch.bool, device=role_BL.device).tril()
    image_BL = (role_BL >= Role.SOI) & (role_BL <= Role.EOI)
    generates_B11 = (task_B == Task.TEXT_TO_IMAGE)[:, None, None]
    to_eoi_BL = image_BL.flip(1).cumsum(1).flip(1) > 0  # soi, image, eoi, and all before them
    asks_BLL = torch.where(generates_B11, image_BL[:, :, None] & to_eoi_BL[:, None], to_eoi_BL[:, None])
    real_BL = role_BL != Role.PAD
    allowed_BLL = (back_LL | asks_BLL) & ~(real_BL[:, :, None] & ~real_BL[:, None])
    return allowed_BLL[:, None]
