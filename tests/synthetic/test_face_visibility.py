"""The record says nothing about what an occluder or the frame hides, and never contradicts what is drawn."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from unif2ace.attributes import TAXONOMY
from unif2ace.synthetic import Face, render, sample_face

HIDDEN_BY = {
    "sunglasses": ("eye_colour", "narrow_eyes", "bags_under_eyes", "eyes_closed", "gaze_direction", "glare"),
    "mask": ("beard", "goatee", "moustache", "sideburns", "five_o_clock_shadow", "lipstick", "smile", "laugh",
             "mouth_open", "full_lips", "big_nose", "make_a_face", "double_chin", "face_shape", "freckles"),
    "eyes_closed": ("eye_colour", "gaze_direction", "narrow_eyes"),
    "hat": ("bangs", "receding_hairline", "bald"),
    "bald": ("hair_colour", "hair_length", "hair_texture", "bangs", "receding_hairline"),
    "bangs": ("receding_hairline", "arched_eyebrows", "bushy_eyebrows"),
}  # fmt: skip


@cache
def faces() -> list[Face]:
    return [sample_face(seed) for seed in range(1500)]


@pytest.mark.parametrize("occluder", HIDDEN_BY)
def test_what_an_occluder_hides_is_null(occluder: str) -> None:
    worn = [face for face in faces() if face.drawn[occluder]]
    assert len(worn) > 20
    for face in worn:
        assert all(face.record[name] is None for name in HIDDEN_BY[occluder]), face.seed


def test_the_record_never_contradicts_what_is_drawn() -> None:
    for face in faces():
        for name, value in face.record.items():
            assert value is None or value == face.drawn[name], (face.seed, name)


def test_nothing_is_hidden_without_an_occluder() -> None:
    plain = [
        face
        for face in faces()
        if not any(face.drawn[name] for name in (*HIDDEN_BY, "beard", "make_a_face", "laugh"))
        and face.drawn["hair_length"] == "short"
    ]
    assert plain
    at_the_edge = {"necklace", "necktie", "clothing", "clothing_colour"}
    for face in plain:
        hidden = {n for n, v in face.record.items() if v is None and TAXONOMY.fields[n].requires is None}
        assert hidden <= at_the_edge, face.seed


def test_neck_and_clothes_are_seen_in_most_faces_and_not_in_all() -> None:
    for name in ("necklace", "necktie", "clothing"):
        seen = np.mean([face.record[name] is not None for face in faces()])
        assert 0.8 < seen < 1, name


def _pixels(face: Face) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    return render([face], 64, noise=False)[0].astype(np.int16)


@pytest.mark.parametrize("name", ["eye_colour", "gaze_direction", "lipstick", "beard", "earrings", "mouth_open"])
def test_changing_what_is_hidden_changes_no_pixel(name: str) -> None:
    field = TAXONOMY.fields[name]
    cover = {"lipstick": "mask", "beard": "mask", "mouth_open": "mask", "earrings": "hat"}
    tried = 0
    for face in faces():
        if face.record[name] is not None or tried == 4 or not face.drawn[cover.get(name, "sunglasses")]:
            continue
        if name == "earrings" and face.drawn["hat_kind"] != "beanie":
            continue
        other = face.replace(**{name: next(v for v in field.values if v != face.drawn[name])})
        if {n for n in face.drawn if face.drawn[n] != other.drawn[n]} - {name, "lipstick_colour", "earring_kind"}:
            continue  # something visible follows from it
        tried += 1
        assert np.array_equal(_pixels(face), _pixels(other)), face.seed
    assert tried
