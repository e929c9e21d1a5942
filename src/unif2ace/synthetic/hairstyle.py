"""Hair styles of a batch of faces: length, parting, volume, waves and curls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from unif2ace.synthetic.noise import Array
from unif2ace.synthetic.parameters import Parameters
from unif2ace.synthetic.visibility import ears_visible


@dataclass(frozen=True, slots=True)
class Style:
    """Hair style of each face. All attributes are (B, 1, 1); flags are 0 or 1.

    Attributes:
        short: 1 for short hair.
        medium: 1 for hair that ends near the chin.
        fall: 1 for hair that is not short and falls below the ears.
        bangs: 1 for a fringe.
        swept: 1 for hair combed up and back.
        tucked: 1 for hair that is not short and lies behind the ears.
        wavy: 1 for waves.
        curly: 1 for curls.
        part: U coordinate of the parting.
        volume: Distance from the skull to the surface of the hair.
        end: V coordinate of the ends of the hair.
    """

    short: Array
    medium: Array
    fall: Array
    bangs: Array
    swept: Array
    tucked: Array
    wavy: Array
    curly: Array
    part: Array
    volume: Array
    end: Array


def hairstyle(p: Parameters) -> Style:
    """The hair style of each face."""
    short, medium = (p.choice("hair_length", {name: 1.0}) for name in ("short", "medium"))
    wavy, curly = (p.choice("hair_texture", {name: 1.0}) for name in ("wavy", "curly"))
    bangs, receding, hat = (p.flag(n) for n in ("bangs", "receding_hairline", "hat"))
    side = np.sign(p.jitter(17)) * (0.05 + 0.11 * np.abs(p.jitter(18)) / 2)
    middle = (1 - short) * (np.abs(p.jitter(17)) < 0.55)
    man = p.choice("gender", {"man": 1.0})
    swept = short * (1 - bangs) * np.maximum(receding, (p.jitter(19) > 0.0) * man)
    volume = 0.055 + 0.030 * swept + 0.020 * (1 - short) + 0.020 * wavy + 0.055 * curly + 0.008 * p.jitter(20)
    tucked = p.numbers([1.0 if ears_visible(f.drawn, f.nuisance) else 0.0 for f in p.faces])
    return Style(
        short=short,
        medium=medium,
        fall=1 - short,
        bangs=bangs,
        swept=swept,
        tucked=tucked * (1 - short),
        wavy=wavy,
        curly=curly,
        part=side * (1 - middle) * (1 - bangs) + p.nuisance("yaw") * np.float32(0.11),
        volume=volume * (1 - 0.55 * receding) * (1 - hat) + 0.028 * hat,
        end=0.06 * short + (0.56 + 0.045 * p.jitter(21)) * medium + 1.4 * (1 - short - medium),
    )
