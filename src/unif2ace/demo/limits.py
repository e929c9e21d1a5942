"""Limits of the demo page, and checks of the inputs of its visitors."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unif2ace.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class Limits:
    """Maximum values for one request. All must be above 0.

    Attributes:
        prompt_chars: Number of characters in a prompt, a question or an instruction.
        file_mb: Size of an uploaded file in MB (10^6 bytes).
        megapixels: Size of an uploaded image in megapixels (10^6 pixels).
        faces: Number of faces.
        steps: Number of sampling steps.
        best_of: Number of samples per face.
        waiting: Number of requests in the queue. When the queue is full, new requests are rejected.
    """

    prompt_chars: int = 1000
    file_mb: float = 10
    megapixels: float = 24
    faces: int = 4
    steps: int = 64
    best_of: int = 8
    waiting: int = 16

    def __post_init__(self) -> None:
        for name in self.__dataclass_fields__:
            if not getattr(self, name) > 0:
                raise ConfigError(f"limits.{name}={getattr(self, name)}: must be a number above 0")

    def text(self, text: Any, what: str) -> str:
        """Checks a text, and removes blanks at both ends.

        Args:
            text: The text that a visitor typed.
            what: Name of the input for error messages, such as ``prompt``.

        Raises:
            ConfigError: If the text is empty or too long.
        """
        found = str(text or "").strip()
        if not found:
            raise ConfigError(f"the {what} is empty: enter a text")
        if len(found) > self.prompt_chars:
            raise ConfigError(
                f"the {what} has {len(found):,} characters, the limit is {self.prompt_chars:,}: shorten the text"
            )
        return found

    def number(self, value: Any, what: str, most: int, least: int = 1) -> int:
        """Checks that a value is an integer from `least` to `most`, and returns it as an int.

        Raises:
            ConfigError: If the value is not an integer in this range.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ConfigError(f"{what}={value!r}: must be an integer from {least} to {most}")
        if not least <= value <= most:
            raise ConfigError(f"{what}={value:g}: must be an integer from {least} to {most}")
        return int(value)

    def picture(self, file: str | Path | None) -> Path:
        """Checks that an uploaded file is an image within the limits, without decoding its pixels.

        Raises:
            DataError: If no file was uploaded, the file is too large, or it is not an image.
        """
        from PIL import Image, UnidentifiedImageError

        if file is None:
            raise DataError("there is no image: upload an image")
        path = Path(file)
        size = path.stat().st_size if path.is_file() else 0
        if size > self.file_mb * 1e6:
            raise DataError(
                f"the file has {size / 1e6:.1f} MB, the limit is {self.file_mb:g} MB: upload a smaller file"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(path) as image:
                    width, height = image.size
        except Image.DecompressionBombError as error:
            raise DataError(
                f"the image has far more than the limit of {self.megapixels:g} megapixels: upload a smaller image"
            ) from error
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise DataError(
                "the file is not a readable image, or its content does not match its name: upload a PNG or JPEG file"
            ) from error
        if width * height > self.megapixels * 1e6:
            raise DataError(
                f"the image has {width}x{height} pixels, the limit is {self.megapixels:g} megapixels: upload a smaller "
                "image"
            )
        return path
