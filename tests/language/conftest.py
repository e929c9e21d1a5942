"""Records to write about: random faces of a plausible world, and sparse ones such as CelebA's labels give."""

from __future__ import annotations

import random

import pytest

from unif2ace.attributes import TAXONOMY, AttributeMapping, AttributeRecord

RATES = {
    "freckles": 0.15, "rosy_cheeks": 0.15, "high_cheekbones": 0.3, "double_chin": 0.12, "big_nose": 0.2,
    "full_lips": 0.3, "narrow_eyes": 0.15, "bags_under_eyes": 0.2, "arched_eyebrows": 0.25, "bushy_eyebrows": 0.2,
    "bangs": 0.25, "receding_hairline": 0.15, "earrings": 0.3, "necklace": 0.25, "necktie": 0.2, "make_a_face": 0.04,
    "eyes_closed": 0.06, "mask": 0.06, "hat": 0.15,
}  # fmt: skip
MEN_ONLY = {
    "beard": 0.25,
    "goatee": 0.15,
    "moustache": 0.3,
    "sideburns": 0.25,
    "five_o_clock_shadow": 0.2,
    "bald": 0.12,
}
WOMEN_ONLY = {"heavy_makeup": 0.4, "lipstick": 0.5}
CELEBA = AttributeMapping("celeba")
HIDDEN_BY = {
    "bald": ("hair_colour", "hair_length", "hair_texture", "bangs", "receding_hairline"),
    "hat": ("bangs", "receding_hairline"),
    "sunglasses": ("eye_colour", "narrow_eyes", "bags_under_eyes", "eyes_closed", "gaze_direction", "glare"),
    "eyes_closed": ("eye_colour", "narrow_eyes", "gaze_direction", "glare"),
    "mask": (
        *("beard", "goatee", "moustache", "five_o_clock_shadow", "lipstick", "full_lips", "big_nose", "double_chin"),
        *("smile", "laugh", "mouth_open", "frown", "make_a_face", "face_shape", "freckles", "rosy_cheeks", "emotion"),
    ),
}


def face_record(seed: int) -> AttributeRecord:
    """A random face: independent draws, with what follows from emotion, gender and what covers what."""
    rng = random.Random(seed)
    values = {n: rng.choice(f.choices) for n, f in TAXONOMY.fields.items() if f.choices and not f.requires}
    holds = {name: rng.random() < rate for name, rate in RATES.items()}
    for gender, rates in (("man", MEN_ONLY), ("woman", WOMEN_ONLY)):
        holds |= {name: values["gender"] == gender and rng.random() < rate for name, rate in rates.items()}
    holds["beard"] = holds["beard"] and not holds["goatee"]
    holds["five_o_clock_shadow"] = holds["five_o_clock_shadow"] and not holds["beard"]
    values["emotion"] = rng.choices(TAXONOMY.fields["emotion"].choices, (30, 30, 10, 10, 10, 10))[0]
    holds["smile"] = values["emotion"] == "happiness"
    holds["laugh"] = holds["smile"] and rng.random() < 0.35
    holds["frown"] = values["emotion"] in ("sadness", "anger") and rng.random() < 0.8
    holds["glare"] = values["emotion"] == "anger" and rng.random() < 0.7
    holds["mouth_open"] = holds["laugh"] or values["emotion"] in ("surprise", "fear") or rng.random() < 0.1
    lenses = rng.random()
    holds |= {"eyeglasses": lenses < 0.22, "sunglasses": 0.22 <= lenses < 0.3}
    hidden = {name for cover, names in HIDDEN_BY.items() if holds[cover] for name in names}
    seen = {name: value for name, value in {**values, **holds}.items() if name not in hidden}
    parts = {
        n: rng.choice(f.choices) for n, f in TAXONOMY.fields.items() if f.requires and seen.get(f.requires) is True
    }
    return AttributeRecord({**seen, **parts})


def celeba_record(seed: int) -> AttributeRecord:
    """What forty yes/no labels of a real photograph say."""
    rng = random.Random(seed)
    return CELEBA.of_positive([name for name in CELEBA.meanings if rng.random() < 0.23])


@pytest.fixture(scope="session")
def many_faces() -> list[AttributeRecord]:
    return [face_record(seed) for seed in range(8000)]


@pytest.fixture(scope="session")
def faces(many_faces: list[AttributeRecord]) -> list[AttributeRecord]:
    return many_faces[:1500]


@pytest.fixture(scope="session")
def sparse_faces() -> list[AttributeRecord]:
    return [celeba_record(seed) for seed in range(400)]
