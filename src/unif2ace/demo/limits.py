"""What the demo accepts, and the checks of what visitors send."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unif2ace.errors import ConfigError, DataError


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one request.

    Attributes:
        prompt_chars: Characters of a prompt, a question or an instruction.
        file_mb: Size of an uploaded file in MB, 10^6 bytes.
        megapixels: Size of an uploaded picture in 10^6 pixels.
        faces: Faces per request.
        steps: Sampling steps.
        best_of: Samples per face.
        waiting: Requests in the queue; further ones are refused.
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
                raise ConfigError(f"limits.{name}={getattr(self, name)}: give a number above 0")

    def text(self, text: Any, what: str) -> str:
        """A text without blanks around it.

        Args:
            text: What was typed.
            what: What it is, such as ``prompt``, for errors.

        Raises:
            ConfigError: If it is empty or too long.
        """
        found = str(text or "").strip()
        if not found:
            raise ConfigError(f"the {what} is empty: type one")
        if len(found) > self.prompt_chars:
            raise ConfigError(
                f"the {what} has {len(found):,} characters, this page takes {self.prompt_chars:,}: shorten it"
            )
        return found

    def number(self, value: Any, what: str, most: int, least: int = 1) -> int:
        """An integer between `least` and `most`.

        Raises:
            ConfigError: If it is none.
        """
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value // 1:
            raise ConfigError(f"{what}={value!r}: give an integer from {least} to {most}")
        if not least <= value <= most:
            raise ConfigError(f"{what}={value:g}: give an integer from {least} to {most}")
        return int(value)

    def picture(self, file: str | Path | None) -> Path:
        """An uploaded file that is a picture of an acceptable size, before its pixels are decoded.

        Raises:
            DataError: If there is none, or it is too large or no picture.
        """
        from PIL import Image, UnidentifiedImageError

        if file is None:
            raise DataError("there is no picture: upload one")
        path = Path(file)
        size = path.stat().st_size if path.is_file() else 0
        if size > self.file_mb * 1e6:
            raise DataError(
                f"the file has {size / 1e6:.1f} MB, this page takes {self.file_mb:g} MB: upload a smaller one"
            )
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", Image.DecompressionBombWarning)
                with Image.open(path) as image:
                    width, height = image.size
        except Image.DecompressionBombError as error:
            raise DataError(
                f"the picture has far more than {self.megapixels:g} megapixels: upload a smaller one"
            ) from error
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            raise DataError(
                "the file is not a picture that can be read, whatever its name says: upload a PNG or JPEG"
            ) from error
        if width * height > self.megapixels * 1e6:
            raise DataError(
                f"the picture has {width}x{height} pixels, this page takes {self.megapixels:g} megapixels: upload a "
                "smaller one"
            )
        return path
