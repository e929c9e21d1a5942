"""Checks types and ranges of the keys that a command reads itself, before the command starts.

Values below a `_target_` are not checked here, but when the class is built.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unif2ace.engine.config_comments import comments
from unif2ace.errors import ConfigError, nearest

MOST = 2**62
IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class KeyType:
    """Type of a key. The attribute `takes` describes its values in messages."""

    takes = "any value"

    def accepts(self, value: Any) -> bool:
        """Whether a value has this type. Null is checked by the caller."""
        return True


@dataclass(frozen=True, slots=True)
class Number(KeyType):
    """A number in [`low`, `high`].

    Attributes:
        low: Smallest allowed value.
        high: Largest allowed value.
        whole: Whether the number must be an integer.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = True

    @property
    def takes(self) -> str:  # type: ignore[override]
        """The type and the range in words."""
        most = f"to {self.high:.12g}" if self.high < MOST else "up"
        limits = f"from {self.low:.12g} {most}"
        return f"a {'whole ' if self.whole else ''}number {limits}"

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        right = isinstance(value, int if self.whole else (int, float)) and not isinstance(value, bool)
        return right and math.isfinite(value) and self.low <= value <= self.high


class Switch(KeyType):
    """True or false."""

    takes = "true or false"

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class OneOf(KeyType):
    """A choice among names.

    Attributes:
        names: Allowed names.
        several: Whether the value is a list of names instead of one name.
    """

    names: Sequence[str]
    several: bool = False

    @property
    def takes(self) -> str:  # type: ignore[override]
        """The allowed names in words."""
        names = f"{', '.join(self.names[:-1])} or {self.names[-1]}"
        return f"a list of {names}, such as [{self.names[0]}]" if self.several else names

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        if self.several:
            return isinstance(value, list) and all(v in self.names for v in value)
        return value in self.names


class Text(KeyType):
    """Text, such as a path. The value on the command line is not parsed by Hydra's grammar."""

    takes = "a text"

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        return isinstance(value, str)


class Texts(Text):
    """A text or a list of texts."""

    takes = 'a text, or a list of texts in quotes such as ["a","b"]'

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        return isinstance(value, str) or (isinstance(value, list) and all(isinstance(v, str) for v in value))


class Box(KeyType):
    """A rectangle [left, top, right, bottom], as fractions of the image in [0, 1]."""

    takes = "[left,top,right,bottom] with values from 0 to 1, left < right and top < bottom, such as [0,0.5,1,1]"

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        real = Number(0, 1, whole=False)
        if not isinstance(value, list) or len(value) != 4 or not all(map(real.accepts, value)):
            return False
        return bool(value[0] < value[2] and value[1] < value[3])


class Device(Text):
    """A torch device of this machine."""

    takes = "auto, cpu, cuda or another torch device of this machine"


class Folder(Text):
    """A folder to write to."""

    takes = "a folder"


@dataclass(frozen=True, slots=True)
class File(Text):
    """A file to write.

    Attributes:
        suffixes: Allowed file name suffixes; empty for any.
    """

    suffixes: tuple[str, ...] = ()

    @property
    def takes(self) -> str:  # type: ignore[override]
        """The allowed suffixes in words."""
        return f"a file name that ends in {', '.join(self.suffixes)}" if self.suffixes else "a file name"

    def accepts(self, value: Any) -> bool:
        """See the base class."""
        return isinstance(value, str) and (not self.suffixes or Path(value).suffix.lower() in self.suffixes)


COUNT, SHARE = Number(1, MOST), Number(0, 1, whole=False)
ANY = KeyType()

KEY_TYPES: dict[str, KeyType] = {
    **dict.fromkeys(("runs", "scores.robustness", "scores.subgroups"), Texts()),
    **dict.fromkeys(("batch_size", "best_of", "columns", "count", "max_new", "n", "num_samples"), COUNT),
    **dict.fromkeys(("samples_per_shard", "pictures_per_shard", "workers", "vocab_size", "max_nonfinite_steps"), COUNT),
    **{f"steps.{name}": COUNT for name in ("attributes", "tokenizer", "unified", "evaluator")},
    **{f"scores.{name}": COUNT for name in ("samples", "diverse", "seeds", "at_least", "batch_size")},
    **{f"scores.{name}": Number(0, MOST) for name in ("num_questions", "num_paraphrases", "resamples")},
    **dict.fromkeys(("num_questions", "pairs"), Number(0, MOST)),
    **dict.fromkeys(("seed", "scores.seed"), Number(0, 2**32 - 1)),
    **dict.fromkeys(("ckpt", "classifier", "evaluator", "image_tokenizer", "init_from", "resume", "run"), Text()),
    **dict.fromkeys(("adapters", "outputs", "project", "real", "weights", "text_tokenizer", "extend"), Text()),
    **dict.fromkeys(("like", "question", "prompt_file", "title", "license", "notes", "name", "push"), Text()),
    **dict.fromkeys(("paths.root", "paths.data", "paths.logs", "components.tokenizer"), Text()),
    **dict.fromkeys(("choices", "prompt", "engine.allow", "drop_encoders", "optimized_metric", "tags"), Texts()),
    **dict.fromkeys(("across_spaces", "from_scratch", "private", "resume_changes", "same_evaluator"), Switch()),
    **dict.fromkeys(("strict", "test"), Switch()),
    **dict.fromkeys(("stages", "components", "steps"), ANY),
    **{f"hparams_search.{name}": COUNT for name in ("n_trials", "n_jobs")},
    **{f"hparams_search.{name}": Number(0, 2**32 - 1) for name in ("retries", "seed", "trial")},
    **{f"hparams_search.{name}": Text() for name in ("storage", "study_name")},
    **dict.fromkeys(("browser", "dry", "paste"), Switch()),
    **dict.fromkeys(("ckpts", "evaluate", "rows", "train"), Texts()),
    **dict.fromkeys(
        ("seeds", "sizes", "sizes.smoke", "sizes.small", "sizes.paper"), ANY
    ),  # `TableDefinition` checks them
    **{f"limits.{name}": COUNT for name in ("best_of", "faces", "file_mb", "megapixels", "prompt_chars", "steps")},
    **dict.fromkeys(("attempts", "limits.waiting"), COUNT),
    "host": Text(),
    "limits": ANY,
    "mask": Text(),
    "port": Number(0, 65535),
    "monitor": Text(),
    "monitor_mode": OneOf(("min", "max")),
    "hparams_search.sampler": OneOf(("tpe", "random", "grid", "cmaes")),
    "hparams_search.pruner": OneOf(("median", "halving", "hyperband", "none")),
    **dict.fromkeys(("path", "licenses", "part"), Text()),
    **dict.fromkeys(("require_license", "estimate"), Switch()),
    **dict.fromkeys(("collect", "caption", "correct", "ask"), Texts()),
    **dict.fromkeys(("source_captions", "fill"), Switch()),
    **dict.fromkeys(("max_tokens", "max_runs"), COUNT),
    "max_megabytes": Number(0.1, 1000, whole=False),
    "thresholds.most_added": Number(0, MOST),
    **dict.fromkeys(("confidence", "thresholds.contradict", "thresholds.confirm", "thresholds.add"), SHARE),
    "by": OneOf(("model", "labels", "classifier")),
    "editor": OneOf(("grammar", "model")),
    "style": OneOf(("dense", "short", "prompt")),
    "temperature": Number(0, 2, whole=False),
    "captions": OneOf(("dense", "short", "prompt"), several=True),
    "codebook_size": Number(2, 2**20),
    "device": Device(),
    "duplicates": ANY,  # bits, or null; `CollectOptions` checks them
    "faces": OneOf(("largest", "all", "refuse")),
    "export": Folder(),
    "folder": Text(),
    "format": ANY,
    "guidance": Number(0, 100, whole=False),
    "held_out": Texts(),
    "image_size": Number(8, 4096),
    "kind": OneOf(("attributes", "tokenizer", "unified")),
    "length": OneOf(("long", "short")),
    "mask_ratio": SHARE,
    "max_faults": SHARE,
    "out": Folder(),
    "picture": Texts(),
    "precision": OneOf(("float32", "bfloat16")),
    "quality": Number(1, 100),
    "region": Box(),
    "report": File(),
    "run_dir": Folder(),
    "runner": OneOf(("local", "ray")),
    "scale": Number(1, 64),
    "scores.caption": OneOf(("long", "short", "any")),
    "size": Number(8, 4096),
    "threshold": SHARE,
    "validation": Number(0, 0.5, whole=False),
}
"""Type of each key, unless `OWN_TYPES` gives another type for a command."""

OWN_TYPES: dict[str, dict[str, KeyType]] = {
    "attributes": {"out": File((".jsonl",))},
    "build": {"folder": Folder()},
    "edit": {"picture": Text(), "prompt": Text()},
    "caption": {"out": File(IMAGE_SUFFIXES)},
    "collect": {"folder": Folder()},
    "card": {"out": Folder()},
    "compare": {
        "columns": Texts(),
        "format": OneOf(("text", "csv", "markdown")),
        "out": File((".txt", ".csv", ".md")),
        "runs": Texts(),
    },
    "export": {"out": File((".safetensors",))},
    "generate": {"picture": Text()},
    "export_data": {"out": Folder()},
    "merge": {"out": File((".safetensors",))},
    "questions": {"out": File((".jsonl",))},
    "quickstart": {"folder": Folder()},
    "release": {
        "private": Switch(),
        "push": Text(),
        "folder": Folder(),
        "precision": OneOf(("float16", "bfloat16", "float32")),
    },
    "report": {"out": File((".html",))},
    "roundtrip": {"out": File(IMAGE_SUFFIXES)},
    "table": {"outputs": Texts(), "size": OneOf(("smoke", "small", "paper"))},
    "text_tokenizer": {"out": Folder()},
}
"""Types of keys that have another meaning in one command, by command."""


def key_type(command: str, key: str) -> KeyType:
    """Type of a command's key; `ANY` if the key is in neither table."""
    return OWN_TYPES.get(command, {}).get(key) or KEY_TYPES.get(key, ANY)


def check_values(command: str, config: DictConfig) -> None:
    """Checks the values of a command's own keys.

    Args:
        command: Name of the primary configuration.
        config: The composed configuration.

    Raises:
        ConfigError: If a value has another type or is out of range.
    """
    for key, found, value in _values(command, config):
        if not found.accepts(value):
            near = nearest(str(value), found.names) if isinstance(found, OneOf) and not found.several else ""
            raise ConfigError(f"{key}={_shown(value)}: must be {found.takes}{near}")


def check_places(command: str, config: DictConfig) -> None:
    """Checks that the devices exist and that output folders and files are writable.

    Args:
        command: Name of the primary configuration.
        config: The composed configuration.

    Raises:
        ConfigError: If a device does not exist on this machine, or an output path is not writable.
    """
    for key, found, value in _values(command, config):
        if isinstance(found, Device) and value != "auto":
            from unif2ace.hardware import check_device

            check_device(value, key)
        elif isinstance(found, Folder | File):
            _check_place(key, Path(value), isinstance(found, Folder))


def _values(command: str, config: DictConfig) -> Iterator[tuple[str, KeyType, Any]]:
    """Name, type and plain value of each key in `KEY_TYPES` that is not null.

    Raises:
        ConfigError: If a key is null although its default is not null.
    """
    written = dict(comments(command).keys)
    if command == "evaluate":
        written |= comments(f"kind/{config.kind}").keys
    for key in KEY_TYPES:
        try:
            value = OmegaConf.select(config, key, throw_on_missing=True)
        except OmegaConfBaseException as error:
            if (cause := _of_resolver(error)) is not None:
                raise cause from None
            continue  # the work names what is missing
        found = key_type(command, key)
        if value is not None:
            yield key, found, OmegaConf.to_container(value, resolve=True) if OmegaConf.is_config(value) else value
        elif key in written and not written[key].value.startswith(("null", "${")) and found is not ANY:
            raise ConfigError(f"{key}=null: must be {found.takes}")


def _of_resolver(error: BaseException) -> ConfigError | None:
    """The `ConfigError` that a resolver raised, if it is the cause of `error`; else None."""
    seen: BaseException | None = error
    while seen is not None and not isinstance(seen, ConfigError):
        seen = seen.__context__
    return seen


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _check_place(key: str, path: Path, folder: bool) -> None:
    if folder and path.exists() and not path.is_dir():
        raise ConfigError(f"{key}={path}: this is a file; give a folder")
    if not folder and path.is_dir():
        raise ConfigError(f"{key}={path}: this is a folder; give a file name")
    above = path if folder else path.parent
    while not above.exists():
        above = above.parent
    if not above.is_dir():
        raise ConfigError(f"{key}={path}: {above} is a file, not a folder; give another {key}=...")
    if not os.access(above, os.W_OK | os.X_OK) or not _takes_a_file(above):
        raise ConfigError(f"{key}={path}: {above} is not writable; give another {key}=...")


def _takes_a_file(folder: Path) -> bool:
    try:
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return False
    return True
