"""FFHQ's features: sure scores become values, uncertain, covered and missing ones null."""

import pytest

from unif2ace.attributes import AttributeRecord
from unif2ace.attributes.ffhq import record_of_ffhq
from unif2ace.errors import DataError

WOMAN = {
    "smile": 1.0,
    "headPose": {"pitch": 1.2, "roll": 0.1, "yaw": -32.9},
    "gender": "female",
    "age": 25.0,
    "facialHair": {"moustache": 0.0, "beard": 0.0, "sideburns": 0.0},
    "glasses": "NoGlasses",
    "emotion": {
        "anger": 0.0,
        "contempt": 0.0,
        "disgust": 0.0,
        "fear": 0.0,
        "happiness": 0.99,
        "neutral": 0.01,
        "sadness": 0.0,
        "surprise": 0.0,
    },
    "makeup": {"eyeMakeup": True, "lipMakeup": True},
    "accessories": [{"type": "headwear", "confidence": 0.99}],
    "occlusion": {"foreheadOccluded": False, "eyeOccluded": False, "mouthOccluded": False},
    "hair": {
        "bald": 0.02,
        "invisible": False,
        "hairColor": [{"color": "brown", "confidence": 1.0}, {"color": "black", "confidence": 0.3}],
    },
}


def hair(**scores):
    return {"bald": 0.0, "invisible": False, "hairColor": [{"color": c, "confidence": s} for c, s in scores.items()]}


def test_sure_scores_become_values():
    said = {n: v for n, v in record_of_ffhq(WOMAN).to_json().items() if v is not None}
    assert said == {
        "gender": "woman",
        "age": "young",
        "hair_colour": "brown",
        "bald": False,
        "beard": False,
        "moustache": False,
        "sideburns": False,
        "eyeglasses": False,
        "sunglasses": False,
        "hat": True,
        "mask": False,
        "lipstick": True,
        "smile": True,
        "head_turn": "left",  # the nose tip lies at the viewer's left where the yaw is negative
        "head_tilt": "upright",
        "emotion": "happiness",
    }


def test_nothing_is_said_of_missing_features():
    assert record_of_ffhq({}) == AttributeRecord()
    for name in WOMAN:
        fewer = record_of_ffhq({n: v for n, v in WOMAN.items() if n != name})
        assert sum(v is not None for v in fewer.values()) <= sum(v is not None for v in record_of_ffhq(WOMAN).values())


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"smile": 0.5}, "smile"),
        ({"facialHair": {"beard": 0.4}}, "beard"),
        ({"age": 37}, "age"),
        ({"headPose": {"yaw": 17.0}}, "head_turn"),
        ({"headPose": {"roll": -20.0}}, "head_tilt"),
        ({"hair": {"bald": 0.5}}, "bald"),
        ({"hair": hair(brown=1.0, black=0.9)}, "hair_colour"),
        ({"hair": hair(other=1.0)}, "hair_colour"),
        ({"hair": {"bald": 0.0, "invisible": True}}, "bald"),
        ({"accessories": [{"type": "headwear", "confidence": 0.6}]}, "hat"),
        ({"glasses": "SwimmingGoggles"}, "eyeglasses"),
        ({"emotion": {"happiness": 0.6, "neutral": 0.4}}, "emotion"),
        ({"age": 6}, "gender"),
        ({"occlusion": {"mouthOccluded": True}}, "smile"),
        ({"accessories": [{"type": "mask", "confidence": 1.0}]}, "lipstick"),
    ],
)  # fmt: skip
def test_the_uncertain_and_the_covered_are_null(change, field):
    assert record_of_ffhq({**WOMAN, **change})[field] is None


def test_unlikely_hair_colours_are_denied_where_none_is_sure():
    labels = record_of_ffhq({"hair": hair(brown=1.0, black=0.9, blond=0.02)}).labels
    assert labels["blond_hair"] is False
    assert labels["brown_hair"] is None


def test_no_happiness_is_said_of_contempt():
    record = record_of_ffhq({"emotion": {"contempt": 0.9, "neutral": 0.1, "happiness": 0.0, "sadness": 0.0}})
    assert record["emotion"] is None
    assert record.labels["happiness"] is False
    assert record.labels["neutral"] is None
    assert record.labels["surprise"] is None  # its score is not there


def test_glasses_are_told_apart():
    clear, dark = record_of_ffhq({"glasses": "ReadingGlasses"}), record_of_ffhq({"glasses": "sunglasses"})
    assert (clear["eyeglasses"], clear["sunglasses"]) == (True, False)
    assert (dark["eyeglasses"], dark["sunglasses"]) == (False, True)


@pytest.mark.parametrize(
    "broken", [{"smile": "much"}, {"smile": float("nan")}, {"hair": [1]}, {"accessories": ["hat"]}]
)
def test_what_is_no_feature_is_an_error_that_names_it(broken):
    with pytest.raises(DataError, match=next(iter(broken))):
        record_of_ffhq(broken)
