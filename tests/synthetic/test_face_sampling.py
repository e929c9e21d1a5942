"""What sampled faces are like: plausible, varied enough to learn from, and true to the person."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from unif2ace.attributes import TAXONOMY, AttributeRecord
from unif2ace.errors import DataError
from unif2ace.synthetic import Face, sample_face
from unif2ace.synthetic.plausibility import EXCLUSIVE, FORMAL

COUNT = 3000
FACIAL_HAIR = ("beard", "goatee", "moustache", "sideburns", "five_o_clock_shadow")


@cache
def faces() -> list[Face]:
    return [sample_face(seed) for seed in range(COUNT)]


def test_a_seed_always_gives_the_same_face() -> None:
    assert [sample_face(seed) for seed in range(50)] == faces()[:50]
    assert sample_face(7, person=3) == sample_face(7, person=3)


def test_seeds_give_different_faces() -> None:
    assert len({face.drawn for face in faces()}) > 0.99 * COUNT
    assert len({face.nuisance for face in faces()}) == COUNT


def test_negative_seeds_are_refused() -> None:
    with pytest.raises(DataError, match="seed=-1"):
        sample_face(-1)
    with pytest.raises(DataError, match="person=-2"):
        sample_face(0, person=-2)


def test_a_person_keeps_the_identity_fields_and_the_body() -> None:
    for person in range(60):
        pictures = [sample_face(seed, person) for seed in range(8)]
        for name, field in TAXONOMY.fields.items():
            if field.identity:
                assert len({face.drawn[name] for face in pictures}) == 1, name
        assert len({face.nuisance.body for face in pictures}) == 1
        assert len({face.nuisance.yaw for face in pictures}) == 8


def test_persons_differ_and_their_pictures_too() -> None:
    assert len({sample_face(0, person).nuisance.body for person in range(100)}) == 100
    assert len({sample_face(seed, 5).drawn for seed in range(20)}) > 15


def test_no_two_that_exclude_each_other_are_drawn() -> None:
    for face in faces():
        for first, second in EXCLUSIVE:
            assert not (face.drawn[first] and face.drawn[second]), (face.seed, first, second)


def test_women_have_no_facial_hair_and_men_no_makeup() -> None:
    for face in faces():
        names = FACIAL_HAIR if face.drawn["gender"] == "woman" else ("lipstick", "heavy_makeup")
        assert not any(face.drawn[name] for name in names)


def test_neckties_are_worn_with_collars() -> None:
    assert all(face.drawn["clothing"] in FORMAL for face in faces() if face.drawn["necktie"])


def test_expressions_agree_with_emotions() -> None:
    for drawn in (face.drawn for face in faces()):
        assert not drawn["smile"] or drawn["emotion"] == "happiness"
        assert not drawn["laugh"] or (drawn["smile"] and drawn["mouth_open"])
        assert not drawn["glare"] or drawn["emotion"] == "anger"
        assert not drawn["frown"] or drawn["emotion"] in ("anger", "sadness", "neutral")
        assert not drawn["make_a_face"] or drawn["mouth_open"]


def test_hair_goes_with_age_and_skin() -> None:
    gray = Counter((f.drawn["age"], f.drawn["hair_colour"] == "gray") for f in faces())
    assert gray["elderly", True] > 2 * gray["elderly", False]
    assert gray["young", False] > 8 * gray["young", True]
    dark = [f.drawn["hair_colour"] for f in faces() if f.drawn["skin_tone"] in ("brown", "dark")]
    young = [
        c
        for f in faces()
        if f.drawn["age"] != "elderly" and f.drawn["skin_tone"] in ("brown", "dark")
        for c in [f.drawn["hair_colour"]]
    ]
    assert "blond" not in young
    assert dark.count("blond") < 0.02 * len(dark)


@pytest.mark.parametrize("label", TAXONOMY.labels)
def test_every_label_is_common_enough_to_learn_and_seen_often_enough(label: str) -> None:
    seen = [value for face in faces() if (value := face.record.labels[label]) is not None]
    assert len(seen) > 0.4 * COUNT
    assert 0.03 < sum(seen) / len(seen) < 0.7


@pytest.mark.parametrize("name", [n for n, f in TAXONOMY.fields.items() if f.choices])
def test_every_choice_is_drawn(name: str) -> None:
    counts = Counter(face.record[name] for face in faces())
    for choice in TAXONOMY.fields[name].choices:
        assert counts[choice] > 0.025 * COUNT, choice


def _replaced(face: Face, name: str, value: str | bool) -> AttributeRecord:
    required = TAXONOMY.fields[name].requires
    return face.replace(**({required: True} if required else {}), **{name: value}).drawn


def test_what_is_asked_for_is_drawn_and_stays_plausible() -> None:
    for face in faces()[:40]:
        for name, field in TAXONOMY.fields.items():
            for value in field.values:
                drawn = _replaced(face, name, value)
                assert drawn[name] == value, (face.seed, name, value)
                assert not any(drawn[first] and drawn[second] for first, second in EXCLUSIVE)


def test_replacing_keeps_person_and_light_but_moves_the_head_where_asked() -> None:
    for face in faces()[:40]:
        other = face.replace(hair_colour="red", eyeglasses=True)
        assert (other.person, other.nuisance) == (face.person, face.nuisance)
        assert face.replace(head_turn="left").nuisance.yaw < -0.4
        assert face.replace(head_tilt="right").nuisance.roll > 0.1
        assert abs(face.replace(head_turn="front").nuisance.yaw) < 0.2


def test_unknown_attributes_and_labels_cannot_be_replaced() -> None:
    with pytest.raises(DataError, match="unknown attribute"):
        faces()[0].replace(haircolour="red")
    with pytest.raises(DataError, match="hair_colour"):
        faces()[0].replace(black_hair=True)


def test_the_pose_is_what_the_record_says() -> None:
    for face in faces():
        turn, tilt = face.drawn["head_turn"], face.drawn["head_tilt"]
        yaw, roll = face.nuisance.yaw, face.nuisance.roll
        assert turn == ("left" if yaw < -0.3 else "right" if yaw > 0.3 else "front")
        assert tilt == ("left" if roll < -0.08 else "right" if roll > 0.08 else "upright")
