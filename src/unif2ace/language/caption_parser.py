"""The protocol of caption parsers, and the parser that uses the package's grammar."""

from __future__ import annotations

from typing import Any, Protocol

from unif2ace.language.phrasebook import Statement
from unif2ace.language.reading import read_text


class CaptionParser(Protocol):
    """Parses a caption into statements. Methods must be thread-safe."""

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, without duplicates, in order. Implied facts are not included.

        A statement is a taxonomy field with its value (``("hair_colour", "black")``, ``("hat", False)``), or a negated
        label (``("black_hair", False)``).
        """

    def describe(self) -> dict[str, Any]:
        """The parser's name and settings as JSON values, to record with the results."""


class GrammarParser:
    """Parses the phrases of the package's grammar only, see `unif2ace.language.reading`."""

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, without duplicates, in order."""
        return read_text(text).statements

    def describe(self) -> dict[str, Any]:
        """The name of the parser."""
        return {"name": "grammar"}
