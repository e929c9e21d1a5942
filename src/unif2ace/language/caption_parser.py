"""What reads the statements of a caption: the grammar's reader, or one of your own."""

from __future__ import annotations

from typing import Any, Protocol

from unif2ace.language.phrasebook import Statement
from unif2ace.language.reading import read_text


class CaptionParser(Protocol):
    """Reads captions. It may be called from several threads."""

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, unique and in order; no more than the text says.

        A statement is a field of the taxonomy with its value (``("hair_colour", "black")``, ``("hat", False)``), or a
        label that is denied (``("black_hair", False)``).
        """

    def describe(self) -> dict[str, Any]:
        """What determines the statements, as plain JSON, for provenance."""


class GrammarParser:
    """Reads with the phrases of the package's grammar, see `unif2ace.language.reading`. It knows no other phrases."""

    def parse(self, text: str) -> tuple[Statement, ...]:
        """The statements of a text, unique and in order."""
        return read_text(text).statements

    def describe(self) -> dict[str, Any]:
        """The name of the parser."""
        return {"name": "grammar"}
