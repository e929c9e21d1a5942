"""Wraps text for contact sheets of images."""

from __future__ import annotations

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def wrapped(text: str, font: Font, room: float) -> list[str]:
    """Splits a text into lines of at most `room` pixels; a longer word gets its own line.

    Characters outside Latin-1 become question marks, because the built-in font may lack them.
    """
    lines = [""]
    for word in text.encode("latin-1", "replace").decode("latin-1").split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
