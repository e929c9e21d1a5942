"""Text on sheets of images."""

from __future__ import annotations

from PIL import ImageFont

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def wrapped(text: str, font: Font, room: float) -> list[str]:
    """The text in lines of at most `room` pixels; a longer word gets its own line.

    Characters that the built-in font may lack become question marks.
    """
    lines = [""]
    for word in text.encode("latin-1", "replace").decode("latin-1").split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= room or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines
