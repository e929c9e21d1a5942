"""Beard, goatee, mustache, sideburns and stubble. Absence is told of men only."""

from __future__ import annotations

from typing import Final

from unif2ace.data.language.facts import Phrase

_MAN: Final = {"gender": ("man",)}
_NO_GOATEE: Final = {"gender": ("man",), "goatee": (False, None)}

PHRASES: Final = (
    Phrase(
        {"beard": True, "moustache": True, "sideburns": True}, chance=0.5, weight=2,
        noun=("a beard, a mustache, and sideburns", "a beard and mustache that join {their} sideburns"),
        clause=("{their} beard, mustache, and sideburns are visible",),
        adjective=("bearded",),
    ),
    Phrase(
        {"beard": True, "moustache": True}, chance=0.9, weight=2,
        noun=("a beard and a mustache", "a beard and mustache"),
        does=("{wears} a beard with a mustache",),
        clause=("a beard and mustache cover the lower part of {their} face",),
    ),
    Phrase(
        {"goatee": True, "moustache": True}, chance=0.9, weight=2,
        noun=("a goatee and a mustache", "a goatee and mustache"),
        does=("{wears} a goatee with a mustache",),
        clause=("a goatee and a mustache surround {their} mouth",),
    ),
    Phrase(
        {"beard": True}, weight=1.5,
        noun=("a beard", "a beard along {their} jaw"), does=("{wears} a beard",), clause=("{their} jaw is covered by a beard", "a beard grows along {their} jaw and chin"),
        adjective=("bearded",),
    ),
    Phrase(
        {"goatee": True}, weight=1.5,
        noun=("a goatee", "a goatee on {their} chin"), does=("{wears} a goatee",), clause=("a goatee covers {their} chin", "there is a goatee on the point of {their} chin"),
    ),
    Phrase(
        {"moustache": True}, weight=1.5,
        noun=("a mustache", "a mustache above {their} lips"), does=("{wears} a mustache",),
        clause=("a mustache covers {their} upper lip", "there is a mustache above {their} upper lip"),
        adjective=("mustached",),
    ),
    Phrase(
        {"sideburns": True},
        noun=("sideburns", "sideburns in front of {their} ears"), does=("{wears} sideburns",), clause=("sideburns run down in front of {their} ears",),
    ),
    Phrase(
        {"five_o_clock_shadow": True}, weight=1.5,
        noun=("a five o'clock shadow", "stubble on {their} jaw", "the stubble of a five o'clock shadow"),
        clause=("{their} jaw shows a five o'clock shadow", "stubble darkens {their} jaw", "there is a five o'clock shadow along {their} jaw"),
        adjective=("stubbled",),
    ),
    Phrase(
        {"beard": False, "goatee": False, "moustache": False, "five_o_clock_shadow": False}, _MAN, chance=0.75,
        weight=0.7,
        state=("clean-shaven",), clause=("{their} face is clean-shaven", "{their} jaw and upper lip are clean-shaven", "the whole lower half of {their} face is clean-shaven"),
        adjective=("clean-shaven",),
    ),
    Phrase({"beard": False}, _NO_GOATEE, weight=0.3, absent=("a beard",), clause=("{their} chin shows no beard",)),
    Phrase({"goatee": False}, {"gender": ("man",), "beard": (False, None)}, weight=0.1, absent=("a goatee",)),
    Phrase(
        {"moustache": False}, _MAN, weight=0.3,
        absent=("a mustache",), clause=("{their} upper lip shows no mustache",),
    ),
    Phrase({"sideburns": False}, _MAN, weight=0.15, absent=("sideburns",)),
    Phrase(
        {"five_o_clock_shadow": False}, {"gender": ("man",), "beard": (False, None)}, weight=0.1,
        absent=("stubble",), clause=("{their} jaw shows no stubble",),
    ),
)  # fmt: skip
