"""A small parser of all readings: rules in a text notation, statements as their meaning.

A rule is ``name: alternatives``. Inside it, ``word`` is itself, ``<rule>`` another rule, ``( | )`` a choice, ``?`` and
``*`` what they are in regular expressions. The meaning is written beside the words: ``=x`` (or ``'x``, the word x and
itself as a value) adds a bare value, ``{field}`` turns the bare values of its rule into statements of that field (or
states that the field holds, where there are none), ``{!field}`` states that it does not, ``{field=x}`` that it is x,
and ``{not}`` denies all statements of its rule. A rule ``name#`` stands for ``name.sg`` and ``name.pl``, where
``is~are`` is the verb of either. A rule ``+name`` only counts
where it states something: that is what lets no clause pass unread.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

TOKEN = re.compile(r"[\w’'-]+|[^\w\s]")
NOTATION = re.compile(r"<[^>]+>|\{[^}]+\}|[()|?*]|[^\s()|?*{}<>]+")

# What "his" or "the young woman" says of the person is not denied by a "no" before it.
SUPPOSED = ("gender", "age", "they")
POINTING = ("gender", "they")  # what a mere pronoun says


class Statement(NamedTuple):
    """That an attribute has a value (`holds`), or that it has not."""

    attribute: str
    value: str | bool
    holds: bool = True


Item = Statement | str
Meaning = tuple[Item, ...]
Ends = list[tuple[int, Meaning]]


@dataclass(frozen=True)
class Node:
    """One piece of a rule: its sort, what it holds, and the words it can start with (None for any or none)."""

    sort: str
    text: str = ""
    parts: tuple[Node, ...] = ()


class Grammar:
    """The rules of one or more texts in the notation above."""

    def __init__(self, *texts: str) -> None:
        self.rules: dict[str, Node] = {}
        self.stating: set[str] = set()
        for line in _lines(texts):
            name, _, body = line.partition(":")
            name = name.strip()
            if name.startswith("+"):
                name = name[1:]
                self.stating.add(name)
            if name in self.rules:
                raise ValueError(f"rule {name!r} is given twice")
            self.rules[name] = _Reader(body).read()
        self._first: dict[str, tuple[frozenset[str], bool]] = {}
        for name, node in self.rules.items():
            for used in _used(node):
                if used not in self.rules:
                    raise ValueError(f"rule {name!r} names an unknown rule {used!r}")
        for name in self.rules:
            self.first(Node("rule", name))
        self.words = frozenset(w for node in self.rules.values() for w in _words(node))

    def first(self, node: Node) -> tuple[frozenset[str], bool]:
        """The words that `node` can start with, and whether it can be empty."""
        if node.sort == "word":
            return frozenset([node.text]), False
        if node.sort == "tag" or node.sort == "value":
            return frozenset(), True
        if node.sort == "rule":
            if node.text not in self._first:
                self._first[node.text] = (frozenset(), False)
                self._first[node.text] = self.first(self.rules[node.text])
            return self._first[node.text]
        parts = [self.first(p) for p in node.parts]
        if node.sort == "choice":
            return frozenset().union(*(f for f, _ in parts)), any(e for _, e in parts)
        if node.sort in "?*":
            return parts[0][0], True
        words: frozenset[str] = frozenset()
        for first, empty in parts:
            words |= first
            if not empty:
                return words, False
        return words, True

    def read(self, start: str, text: str) -> tuple[list[Meaning], int]:
        """All readings of a whole text that differ in what they state, each in the one that repeats itself least.

        Returns:
            The readings, and how many words the longest reading of a part of the text reached.
        """
        reading = _Reading(self, [t.lower() for t in TOKEN.findall(text)])
        ends = reading.rule(start, 0)
        whole: dict[frozenset[Item], Meaning] = {}
        for end, meaning in sorted(ends, key=lambda e: -len(e[1])):
            if end == len(reading.words):
                whole[frozenset(meaning)] = meaning
        return list(whole.values()), reading.reached


class _Reading:
    """One parse: every rule is tried once at every word."""

    def __init__(self, grammar: Grammar, words: list[str]) -> None:
        self.grammar, self.words, self.reached = grammar, words, 0
        self.known: dict[tuple[str, int], Ends] = {}

    def rule(self, name: str, at: int) -> Ends:
        key = (name, at)
        if key not in self.known:
            words, empty = self.grammar._first[name]
            if not empty and (at >= len(self.words) or self.words[at] not in words):
                return []
            self.known[key] = []
            found = self.node(self.grammar.rules[name], at)
            if name in self.grammar.stating:
                found = [
                    (end, m)
                    for end, m in found
                    if any(isinstance(i, Statement) and i.attribute not in POINTING for i in m)
                ]
            self.known[key] = list(dict.fromkeys(found))
        return self.known[key]

    def node(self, node: Node, at: int) -> Ends:
        if node.sort == "word":
            if at < len(self.words) and self.words[at] == node.text:
                self.reached = max(self.reached, at + 1)
                return [(at + 1, ())]
            return []
        if node.sort == "value":
            return [(at, (node.text,))]
        if node.sort == "rule":
            return self.rule(node.text, at)
        if node.sort == "choice":
            return [end for part in node.parts for end in self.node(part, at)]
        if node.sort == "?":
            return [(at, ()), *self.node(node.parts[0], at)]
        if node.sort == "*":
            return self._many(node.parts[0], at)
        return self._sequence(node.parts, at)

    def _many(self, part: Node, at: int) -> Ends:
        found: Ends = [(at, ())]
        for end, meaning in found:
            for further, more in self.node(part, end):
                if further > end and (further, meaning + more) not in found:
                    found.append((further, meaning + more))
        return found

    def _sequence(self, parts: tuple[Node, ...], at: int) -> Ends:
        ends: Ends = [(at, ())]
        for part in parts:
            if part.sort == "tag":
                ends = [(end, _tagged(part.text, meaning)) for end, meaning in ends]
            else:
                ends = [(e, m + more) for end, m in ends for e, more in self.node(part, end)]
            if not ends:
                return []
        return ends


def _tagged(tag: str, meaning: Meaning) -> Meaning:
    """The meaning of a sequence once a tag is applied to what it read so far."""
    if tag == "not":
        return tuple(
            i if isinstance(i, str) or i.attribute in SUPPOSED else i._replace(holds=not i.holds) for i in meaning
        )
    if tag.startswith("!"):
        return (*meaning, Statement(tag[1:], True, False))
    field, _, value = tag.partition("=")
    if value:
        return (*meaning, Statement(field, value))
    if any(isinstance(i, str) for i in meaning):
        return tuple(Statement(field, i) if isinstance(i, str) else i for i in meaning)
    return (*meaning, Statement(field, True))


def _lines(texts: Iterable[str]) -> Iterable[str]:
    """The rules of the texts, one a line: a line that starts with a blank goes on with the rule before it."""
    for text in texts:
        joined = re.sub(r"\n[ \t]+", " ", re.sub(r"#[ \t].*", "", text))
        for line in filter(str.strip, joined.splitlines()):
            if "#" not in line:
                yield line
                continue
            for suffix, side in ((".sg", 0), (".pl", 1)):
                yield re.sub(r"([\w’'-]+)~([\w’'-]+)", lambda m, s=side: m[s + 1], line).replace("#", suffix)  # type: ignore[misc]


class _Reader:
    """Reads the body of a rule."""

    def __init__(self, body: str) -> None:
        self.tokens = NOTATION.findall(body)
        self.at = 0

    def read(self) -> Node:
        node = self._choice()
        if self.at < len(self.tokens):
            raise ValueError(f"cannot read a rule at {' '.join(self.tokens[self.at :])!r}")
        return node

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self.at < len(self.tokens) and self.tokens[self.at] == "|":
            self.at += 1
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Node("choice", "", tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self.at < len(self.tokens) and self.tokens[self.at] not in ("|", ")"):
            parts += self._piece()
        return Node("sequence", "", tuple(parts))

    def _piece(self) -> list[Node]:
        token = self.tokens[self.at]
        self.at += 1
        if token in ("?", "*"):
            raise ValueError(f"{token!r} follows nothing")
        if token == "(":
            pieces = [self._choice()]
            self.at += 1
        elif token[0] in "<{=" and len(token) > 1:
            sort = {"<": "rule", "{": "tag", "=": "value"}[token[0]]
            pieces = [Node(sort, token[1:].replace("_", " ") if sort == "value" else token[1:-1])]
        elif token[0] == "'" and len(token) > 2:
            pieces = [Node("word", token[1:]), Node("value", token[1:])]
        else:
            pieces = [Node("word", token)]
        if self.at < len(self.tokens) and self.tokens[self.at] in ("?", "*"):
            pieces = [Node(self.tokens[self.at], "", (Node("sequence", "", tuple(pieces)),))]
            self.at += 1
        return pieces


def _used(node: Node) -> set[str]:
    return {node.text} if node.sort == "rule" else {u for p in node.parts for u in _used(p)}


def _words(node: Node) -> set[str]:
    return {node.text} if node.sort == "word" else {u for p in node.parts for u in _words(p)}
