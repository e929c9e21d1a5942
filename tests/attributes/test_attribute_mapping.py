"""Names of public data sets: every one is accounted for, none states more than its label says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from unif2ace.attributes import AttributeMapping, AttributeRecord
from unif2ace.errors import DataError

CELEBA = [
    "5_o_Clock_Shadow",
    "Arched_Eyebrows",
    "Attractive",
    "Bags_Under_Eyes",
    "Bald",
    "Bangs",
    "Big_Lips",
    "Big_Nose",
    "Black_Hair",
    "Blond_Hair",
    "Blurry",
    "Brown_Hair",
    "Bushy_Eyebrows",
    "Chubby",
    "Double_Chin",
    "Eyeglasses",
    "Goatee",
    "Gray_Hair",
    "Heavy_Makeup",
    "High_Cheekbones",
    "Male",
    "Mouth_Slightly_Open",
    "Mustache",
    "Narrow_Eyes",
    "No_Beard",
    "Oval_Face",
    "Pale_Skin",
    "Pointy_Nose",
    "Receding_Hairline",
    "Rosy_Cheeks",
    "Sideburns",
    "Smiling",
    "Straight_Hair",
    "Wavy_Hair",
    "Wearing_Earrings",
    "Wearing_Hat",
    "Wearing_Lipstick",
    "Wearing_Necklace",
    "Wearing_Necktie",
    "Young",
]
APPEARANCE = [
    "blurry",
    "male",
    "young",
    "chubby",
    "pale_skin",
    "rosy_cheeks",
    "oval_face",
    "receding_hairline",
    "bald",
    "bangs",
    "black_hair",
    "blonde_hair",
    "gray_hair",
    "brown_hair",
    "straight_hair",
    "wavy_hair",
    "long_hair",
    "arched_eyebrows",
    "bushy_eyebrows",
    "bags_under_eyes",
    "eyeglasses",
    "sunglasses",
    "narrow_eyes",
    "big_nose",
    "pointy_nose",
    "high_cheekbones",
    "big_lips",
    "double_chin",
    "no_beard",
    "5_o_clock_shadow",
    "goatee",
    "mustache",
    "sideburns",
    "heavy_makeup",
    "wearing_earrings",
    "wearing_hat",
    "wearing_lipstick",
    "wearing_necklace",
    "wearing_necktie",
    "wearing_mask",
]
ACTION = [
    "blow",
    "chew",
    "close_eyes",
    "cough",
    "cry",
    "drink",
    "eat",
    "frown",
    "gaze",
    "glare",
    "head_wagging",
    "kiss",
    "laugh",
    "listen_to_music",
    "look_around",
    "make_a_face",
    "nod",
    "play_instrument",
    "read",
    "shake_head",
    "shout",
    "sigh",
    "sing",
    "sleep",
    "smile",
    "smoke",
    "sneer",
    "sneeze",
    "sniff",
    "talk",
    "turn",
    "weep",
    "whisper",
    "wink",
    "yawn",
]
EMOTION = ["neutral", "anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"]

celeba, celebv_hq = AttributeMapping("celeba"), AttributeMapping("celebv_hq")


def test_every_name_of_the_data_sets_is_there_once():
    assert sorted(celeba.meanings) == sorted(CELEBA)
    assert len(CELEBA) == 40
    assert [len(APPEARANCE), len(ACTION), len(EMOTION)] == [40, 35, 8]
    assert sorted(celebv_hq.meanings) == sorted([*APPEARANCE, *ACTION, *EMOTION])


@pytest.mark.parametrize("mapping", [celeba, celebv_hq], ids=lambda m: m.name)
def test_judgements_of_a_person_are_left_out(mapping):
    for label in ("Attractive", "Chubby", "Blurry"):
        if name := mapping.find(label):
            assert mapping({name: True}) == mapping({name: False}) == AttributeRecord()


@pytest.mark.parametrize("mapping", [celeba, celebv_hq], ids=lambda m: m.name)
def test_what_is_not_labelled_is_not_guessed(mapping):
    assert mapping({}) == AttributeRecord()
    assert mapping(dict.fromkeys(mapping.meanings)) == AttributeRecord()


@pytest.mark.parametrize("mapping", [celeba, celebv_hq], ids=lambda m: m.name)
def test_presence_and_absence_of_a_label_never_say_the_same(mapping):
    for label in mapping.meanings:
        yes, no = mapping({label: True}).labels, mapping({label: False}).labels
        assert not [n for n in yes if yes[n] is not None and yes[n] == no[n]], label


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(CELEBA), unique=True))
def test_any_combination_of_labels_gives_a_valid_record(positive):
    record = celeba.of_positive(positive)
    assert AttributeRecord(record.to_json()) == record
    assert celeba.of_positive([name.lower() for name in positive]) == record


def test_absent_hair_colours_are_stated_and_no_colour_is_guessed():
    record = celeba.of_positive(["Male"])
    assert record["hair_colour"] is None
    assert [record.labels[f"{c}_hair"] for c in ("black", "blond", "brown", "gray")] == [False] * 4
    assert record["age"] is None  # not young may be middle-aged or elderly


def test_contradictions_become_null():
    record = celeba.of_positive(["Black_Hair", "Brown_Hair", "No_Beard", "Goatee", "Straight_Hair", "Wavy_Hair"])
    assert record["hair_colour"] is None
    assert [record.labels[n] for n in ("black_hair", "brown_hair", "gray_hair")] == [None, None, False]
    assert record["goatee"] is None
    assert record["beard"] is False
    assert record["hair_texture"] is None


def test_facial_hair_of_another_kind_is_no_evidence_of_a_beard():
    for kind in ("Goatee", "Mustache", "5_o_Clock_Shadow"):
        assert celeba.of_positive([kind])["beard"] is None
    assert celeba.of_positive(["No_Beard"])["beard"] is False
    assert celebv_hq({"no_beard": False}) == AttributeRecord()


def test_dark_glasses_are_no_clear_ones():
    assert celebv_hq({"sunglasses": True})["eyeglasses"] is False
    assert celebv_hq({"sunglasses": True, "eyeglasses": True})["eyeglasses"] is None
    assert celeba({"Eyeglasses": True})["sunglasses"] is None


def test_one_emotion_excludes_the_others():
    labels = celebv_hq({**dict.fromkeys(EMOTION, False), "happy": True}).labels
    assert labels["happiness"] is True
    assert not any(labels[n] for n in ("neutral", "sadness", "anger", "surprise", "fear"))
    contempt = celebv_hq({**dict.fromkeys(EMOTION, False), "contempt": True})
    assert contempt["emotion"] is None
    assert contempt.labels["neutral"] is False


def test_laughter_without_a_smile_says_nothing_about_smiling():
    assert celebv_hq({"laugh": True, "smile": False})["smile"] is None
    assert celebv_hq({"laugh": True})["smile"] is True
    assert celeba({"Smiling": False})["laugh"] is False


def test_unknown_labels_and_mappings_are_errors_that_name_the_nearest():
    with pytest.raises(DataError, match="did you mean 'Mustache'"):
        celeba({"Moustache": True})
    with pytest.raises(DataError, match="did you mean 'celeba'"):
        AttributeMapping("celebA")
