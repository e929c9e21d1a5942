"""Beard, goatee, mustache, sideburns and stubble. Only captions of men mention their absence."""

from __future__ import annotations

from typing import Final

from unif2ace.language.facts import Phrase
from unif2ace.language.question_forms import Reason, YesNo

_MAN: Final = {"gender": ("man",)}
_NO_GOATEE: Final = {"gender": ("man",), "goatee": (False, None)}

PHRASES: Final = (
    Phrase(
        {"beard": True, "moustache": True, "sideburns": True}, chance=0.5, weight=2,
        noun=("a beard, a mustache, and sideburns", "a beard and mustache that join {their} sideburns"),
        clause=("{their} beard, mustache, and sideburns are visible",),
    ),
    Phrase(
        {"beard": True, "moustache": True}, chance=0.9, weight=2,
        noun=("a beard and a mustache", "a beard and mustache"),
        does=("{wears} a beard with a mustache",),
        clause=("a beard and mustache cover the lower part of {their} face", "{their} mouth is surrounded by a beard and mustache",),
    ),
    Phrase(
        {"goatee": True, "moustache": True}, chance=0.9, weight=2,
        noun=("a goatee and a mustache", "a goatee and mustache"),
        does=("{wears} a goatee with a mustache",),
        clause=("a goatee and a mustache surround {their} mouth", "{their} mouth is framed by a goatee and a mustache",),
    ),
    Phrase(
        {"beard": True}, weight=1.5,
        noun=("a beard", "a beard along {their} jaw", "a beard that covers {their} jaw and chin"), does=("{wears} a beard",),
        clause=("{their} jaw is covered by a beard", "a beard grows along {their} jaw and chin", "a beard covers the line of {their} jaw"),
        adjective=("bearded",),
    ),
    Phrase(
        {"goatee": True}, weight=1.5,
        noun=("a goatee", "a goatee on {their} chin", "a goatee that covers {their} chin"), does=("{wears} a goatee",), clause=("a goatee covers {their} chin", "there is a goatee on the point of {their} chin"),
    ),
    Phrase(
        {"moustache": True}, weight=1.5,
        noun=("a mustache", "a mustache above {their} lips", "a mustache on {their} upper lip"), does=("{wears} a mustache",),
        clause=("a mustache covers {their} upper lip", "there is a mustache above {their} upper lip"),
        adjective=("mustached",),
    ),
    Phrase(
        {"sideburns": True},
        noun=("sideburns", "sideburns in front of {their} ears"), does=("{wears} sideburns",), clause=("sideburns run down in front of {their} ears", "there are sideburns on both sides of {their} face",),
    ),
    Phrase(
        {"five_o_clock_shadow": True}, weight=1.5,
        noun=("a five o'clock shadow", "stubble on {their} jaw", "the stubble of a five o'clock shadow"),
        clause=("{their} jaw shows a five o'clock shadow", "stubble darkens {their} jaw", "there is a five o'clock shadow along {their} jaw"),
        adjective=("stubbled",),
    ),
    Phrase(
        {"beard": False, "goatee": False, "moustache": False, "five_o_clock_shadow": False}, _MAN, chance=0.6,
        weight=0.5,
        state=("clean-shaven",), clause=("{their} face is clean-shaven", "{their} jaw and upper lip are clean-shaven", "the whole lower half of {their} face is clean-shaven"),
        adjective=("clean-shaven",),
    ),
    Phrase({"beard": False}, _NO_GOATEE, weight=0.3, absent=("a beard",), clause=("{their} chin shows no beard",)),
    Phrase({"goatee": False}, {"gender": ("man",), "beard": (False, None)}, weight=0.1, absent=("a goatee",)),
    Phrase(
        {"moustache": False}, _MAN, weight=0.3,
        absent=("a mustache",), clause=("{their} upper lip shows no mustache",),
    ),
    Phrase({"sideburns": False}, _MAN, weight=0.15, absent=("sideburns",), clause=("there are no sideburns in front of {their} ears",)),
    Phrase(
        {"five_o_clock_shadow": False}, {"gender": ("man",), "beard": (False, None)}, weight=0.1,
        absent=("stubble",), clause=("{their} jaw shows no stubble",),
    ),
)

YES_NO: Final = {
    "beard": YesNo(
        ask=("{does} {they} have a beard", "is there a beard on the face", "can you see a beard"),
        yes=("{they} {has} a beard", "there is a beard"),
        no=("{they} {doesn't} have a beard", "there is no beard"),
    ),
    "goatee": YesNo(
        ask=("{does} {they} have a goatee", "is there a goatee on the face", "can you see a goatee"),
        yes=("{they} {has} a goatee", "there is a goatee"),
        no=("{they} {doesn't} have a goatee", "there is no goatee"),
    ),
    "moustache": YesNo(
        ask=("{does} {they} have a mustache", "is there a mustache on the face", "can you see a mustache"),
        yes=("{they} {has} a mustache", "there is a mustache"),
        no=("{they} {doesn't} have a mustache", "there is no mustache"),
    ),
    "sideburns": YesNo(
        ask=("{does} {they} have sideburns", "are there sideburns on the face", "can you see sideburns"),
        yes=("{they} {has} sideburns", "there are sideburns"),
        no=("{they} {doesn't} have sideburns", "there are no sideburns"),
    ),
    "five_o_clock_shadow": YesNo(
        ask=("{does} {they} have a five o'clock shadow", "is there a five o'clock shadow on the face", "can you see a five o'clock shadow"),
        yes=("{they} {has} a five o'clock shadow", "there is a five o'clock shadow"),
        no=("{they} {doesn't} have a five o'clock shadow", "there is no five o'clock shadow"),
    ),
}

_ASK: Final = ("is {their} face clean-shaven or not, and how can you tell", "is there facial hair or not, and how can you tell")
REASONS: Final = (
    Reason(
        "facial_hair", {"beard": False, "goatee": False, "moustache": False, "five_o_clock_shadow": False, "gender": "man"},
        ask=_ASK,
        answers=("{they} {is} clean-shaven: {evidence}", "{their} face is clean-shaven, because {evidence}"),
        evidence=((("beard", False), "there is no beard, mustache, or stubble"),),
    ),
    Reason(
        "facial_hair", {"gender": "man"},
        ask=_ASK,
        answers=("{they} {is} not clean-shaven: {evidence}", "there is facial hair, because {evidence}"),
        evidence=(
            (("beard", True), "there is a beard"),
            (("goatee", True), "there is a goatee on {their} chin"),
            (("moustache", True), "there is a mustache above {their} lips"),
            (("five_o_clock_shadow", True), "{their} jaw shows a five o'clock shadow"),
        ),
    ),
)
