"""The emotion that a face shows."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Choice, Reason, YesNo


def _emotion(value: str, noun: str, adjectives: tuple[str, ...]) -> Phrase:
    """The phrase of an emotion, from its noun ("sadness") and its adjectives ("sad")."""
    return Phrase(
        {"emotion": value}, weight=3,
        does=tuple(f"{{{verb}}} {a}" for a in adjectives for verb in ("looks", "seems", "appears")),
        noun=tuple(f"a {a} {face}" for a in adjectives for face in ("expression", "look on {their} face")),
        clause=(
            *(f"{{their}} expression is {a}" for a in adjectives), *(f"{{their}} face looks {a}" for a in adjectives),
            f"{{their}} expression is one of {noun}", f"{{their}} face shows {noun}",
            f"the emotion on {{their}} face is {noun}", f"there is a look of {noun} on {{their}} face", f"{{their}} face gives an impression of {noun}",
            f"{{their}} features express {noun}", f"the look on {{their}} face is one of {noun}",
            f"the expression that {{their}} face wears is one of {noun}",
        ),
    )


PHRASES: Final = (
    Phrase(
        {"emotion": "neutral"}, weight=3,
        does=("{looks} neutral", "{shows} no strong emotion", "{keeps} a neutral expression"),
        noun=("a neutral expression", "a neutral look on {their} face"),
        clause=("{their} expression is neutral", "{their} face is neutral", "{their} face shows no strong emotion", "the expression on {their} face is neutral", "{their} face gives no sign of any strong emotion"),
    ),
    _emotion("happiness", "happiness", ("happy", "cheerful", "joyful")),
    _emotion("sadness", "sadness", ("sad", "sorrowful", "unhappy")),
    _emotion("anger", "anger", ("angry", "irate")),
    _emotion("surprise", "surprise", ("surprised", "astonished")),
    _emotion("fear", "fear", ("frightened", "fearful", "scared")),
)

NAMES: Final = {
    "neutral": "neutral", "happiness": "happy", "sadness": "sad", "anger": "angry", "surprise": "surprised",
    "fear": "frightened",
}

YES_NO: Final = {
    value: YesNo(
        ask=(f"{{does}} {{they}} look {name}", f"{{does}} {{they}} seem {name}", f"is {{their}} expression {name}"),
        yes=(f"{{they}} {{looks}} {name}", f"{{their}} expression is {name}"),
        no=(f"{{they}} {{doesn't}} look {name}", f"{{their}} expression is not {name}"),
        neutral=False,
    )
    for value, name in NAMES.items()
}
CHOICES: Final = {
    "emotion": Choice(
        NAMES,
        what=("what emotion does {their} face show", "how {does} {they} seem to feel", "how would you describe {their} expression"),
        which=("{does} {they} look {options}", "which describes {their} expression: {options}"),
        answers=("{value}", "{they} {looks} {value}", "{their} expression is {value}"),
    ),
}
_SMILE: Final = (("smile", True), "there is a smile on {their} face")
_NO_SMILE: Final = (("smile", False), "there is no smile on {their} face")
_LAUGH: Final = (("laugh", True), "{they} {is} laughing")
_FROWN: Final = (("frown", True), "{they} {is} frowning")
_GLARE: Final = (("glare", True), "there is a glare in {their} eyes")
_OPEN: Final = (("mouth_open", True), "{their} mouth is open")
_EVIDENCE: Final = {
    "neutral": ((_NO_SMILE, (("frown", False), "there is no frown")), ((("mouth_open", False), "{their} mouth is closed"),)),
    "happiness": ((_LAUGH, _SMILE), ()),
    "sadness": ((_FROWN,), (_NO_SMILE,)),
    "anger": ((_GLARE, _FROWN), (_NO_SMILE,)),
    "surprise": ((_OPEN,), (_NO_SMILE,)),
    "fear": ((_OPEN, _FROWN), (_NO_SMILE,)),
}
REASONS: Final = tuple(
    Reason(
        "emotion", {"emotion": value},
        ask=(
            "what emotion does {their} face show, and how can you tell",
            "how {does} {they} seem to feel, and what in the face shows it",
            "how would you describe {their} mood, and why",
            f"why {{does}} {{they}} look {name}",
            f"what makes {{them}} look {name}",
        ),
        answers=(f"{{they}} {{looks}} {name} because {{evidence}}", f"{{their}} expression is {name}, since {{evidence}}"),
        evidence=_EVIDENCE[value][0],
        support=_EVIDENCE[value][1],
    )
    for value, name in NAMES.items()
)
