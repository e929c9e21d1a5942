"""Parses command lines: options, overrides ``key=value``, and positional arguments, which are taken literally."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Quote, QuotedString

from unif2ace.engine.config_comments import choices_of, comments, known_names
from unif2ace.engine.key_types import Text, Texts, key_type
from unif2ace.engine.renamed_keys import hint
from unif2ace.errors import ConfigError, nearest

_OVERRIDE = re.compile(r"[~+]{0,2}(?P<root>[A-Za-z_][\w-]*)[\w.@/:-]*=")
SEVERAL = (
    "callbacks",
    "dataset",
    "filter",
    "logger",
    "loss",
    "metric",
    "run_callbacks",
    "section",
    "task",
    "visual_encoder",
)
"""Groups that accept a list of choices."""
_MULTIRUN = ("-m", "--multirun")


@dataclass(frozen=True, slots=True)
class Line:
    """The parts of a command line.

    Attributes:
        words: Positional arguments.
        overrides: Overrides of the configuration.
        options: Options of Hydra, each followed by its value.
    """

    words: list[str]
    overrides: list[str]
    options: list[str]

    def given(self, key: str) -> str | None:
        """The value of ``key=value`` without quotes; None if the key was not typed."""
        found = [o.partition("=")[2] for o in self.overrides if o.startswith(f"{key}=")]
        return _unquoted(found[-1]) if found else None


@dataclass(frozen=True, slots=True)
class Syntax:
    """The command line syntax of a command.

    Attributes:
        app: Name of the command with its verb, such as ``unif2ace-data stats``.
        config: Name of its primary configuration.
        words: Keys of the positional arguments in order: ``folder`` is required, ``[folder]`` optional, and
            ``picture ...`` accepts several.
        complete: Function that changes the parts of a command line before positional arguments get their keys.
    """

    app: str
    config: str
    words: tuple[str, ...] = ()
    complete: Callable[[Line], Line] | None = None

    @property
    def usage(self) -> str:
        """The usage line, with positional arguments in capitals."""
        return " ".join((self.app, *(re.sub(r"\w+", lambda key: key[0].upper(), word) for word in self.words)))

    def overrides(self, argv: Sequence[str]) -> list[str]:
        """The command line for Hydra. Positional arguments become ``key='value'``; options come last.

        Raises:
            ConfigError: If a word is not understood, or a required argument is missing.
        """
        line = self.split(argv)
        self._refuse_unknown(line)
        if self.complete:
            line = self.complete(line)
        found = [*line.overrides, *self._assigned(line)]
        if not line.options or set(line.options) <= set(_MULTIRUN):
            self._require(found)
        return [*readable(self.config, found, bool(set(line.options) & set(_MULTIRUN))), *line.options]

    def split(self, argv: Sequence[str]) -> Line:
        """Sorts words into options, overrides and positional arguments. Words after ``--`` are positional arguments.

        Raises:
            ConfigError: If an option does not exist.
        """
        line = Line([], [], [])
        options = get_args_parser()._option_string_actions
        known = known_names(self.config)
        waiting = list(argv)
        while waiting:
            word = waiting.pop(0)
            name, equals, _ = word.partition("=")
            if word == "--":
                line.words.extend(waiting)
                break
            if name in options:
                line.options.append(word)
                nargs, choices = options[name].nargs, options[name].choices or ()
                if not equals and waiting and (nargs is None or (nargs == "?" and waiting[0] in choices)):
                    line.options.append(waiting.pop(0))
            elif self._is_override(word, known):
                line.overrides.append(word)
            elif word.startswith("-") and word != "-" and not _is_plain(word):
                if equals and name.lstrip("-") in known:
                    raise ConfigError(f"there is no option {name!r}; write a key without dashes: {word.lstrip('-')}")
                near = nearest(name, options)
                raise ConfigError(
                    f"there is no option {word!r}{near}; type -- before a positional argument that begins with -: "
                    f"`{self.app} -- {shlex.quote(word)}`"
                )
            else:
                line.words.append(word)
        return line

    def _refuse_unknown(self, line: Line) -> None:
        """Rejects ``key=value`` with an unknown key. It may be a positional argument that contains ``=``."""
        known = known_names(self.config)
        for word in line.overrides if self.words else ():
            found = _OVERRIDE.match(word)
            if found and found["root"] not in known and not word.startswith(("+", "~")) and not hint(found["root"]):
                raise ConfigError(
                    f"there is no key {found['root']!r}{nearest(found['root'], known)}. If {word!r} is a positional "
                    f"argument, write -- before it: `{self.app} ... -- {shlex.quote(word)}`"
                )

    def _is_override(self, word: str, known: set[str]) -> bool:
        if word.startswith("~") and "=" not in word:
            return not self.words or re.split(r"[.@/]", word[1:])[0] in known
        found = _OVERRIDE.match(word)
        return found is not None and (found["root"] in known or not self.words or not _is_plain(word))

    def _assigned(self, line: Line) -> list[str]:
        keys = [(word.strip("[]").split()[0], "..." in word) for word in self.words]
        free = [(key, several) for key, several in keys if line.given(key) is None]
        words = list(line.words)
        several = next((place for place, (_, many) in enumerate(free) if many), None)
        twice = [key for key, _ in keys if line.given(key) is not None]
        if len(words) > len(free) and several is None:
            if twice:
                raise ConfigError(
                    f"{words[len(free)]!r} and {twice[0]}={line.given(twice[0])} both set {twice[0]}: give one value"
                )
            raise ConfigError(self._not_understood(words, len(free)))
        if several is not None:  # the words before and after it have one place each
            last = max(several + 1, len(words) - (len(free) - several - 1))
            groups = [*([w] for w in words[:several]), words[several:last], *([w] for w in words[last:])]
        else:
            groups = [[w] for w in words]
        if "???" in words:
            raise ConfigError(
                "the argument '???' is not allowed, because Hydra reads ??? as a missing value: give another value"
            )
        return [
            f"{key}=[{','.join(map(quoted, group))}]" if many else f"{key}={quoted(group[0])}"
            for (key, many), group in zip(free, groups, strict=False)
            if group
        ]

    def _not_understood(self, words: list[str], taken: int) -> str:
        extra = ", ".join(map(repr, words[taken:]))
        if words[taken] in choices_of("experiment"):
            mend = f"write experiment={words[taken]}"
        elif self.words:
            mend = f"quote a value that contains spaces: `{self.app} {shlex.quote(' '.join(words))}`"
        else:
            mend = f"give values as key=value; `{self.app} --help` lists the keys"
        near = nearest(words[taken].partition("=")[0], known_names(self.config)) if not self.words else ""
        return f"`{self.usage}` does not understand {extra}{near or '; ' + mend}"

    def _require(self, overrides: Sequence[str]) -> None:
        for word in self.words:
            key = word.strip("[]").split()[0]
            if not word.startswith("[") and not any(o.lstrip("+").startswith(f"{key}=") for o in overrides):
                shown = next((e for e in comments(self.config).examples if e.startswith(f"{self.app} ")), self.usage)
                article = "an" if key[0] in "aeiou" else "a"
                raise ConfigError(f"{self.app} needs {article} {key}: `{shown}`")


def quoted(word: str) -> str:
    """Quotes a text for ``key=value``, so that Hydra and OmegaConf read exactly this text."""
    literal = re.sub(r"(\\*)\$\{", lambda found: found[1] * 2 + r"\${", word)  # no interpolation
    return str(QuotedString(literal, Quote.single).with_quotes())


def readable(config: str, overrides: Sequence[str], multirun: bool = False) -> list[str]:
    """Quotes the values of text keys, so that Hydra's grammar reads them as typed.

    Args:
        config: Name of the primary configuration.
        overrides: Overrides as typed.
        multirun: Whether commas separate the values of a sweep.

    Raises:
        ConfigError: If Hydra cannot parse a value. The message shows the value with quotes.
    """
    made = []
    for override in overrides:
        key, equals, value = override.partition("=")
        _refuse_no_choice(override, key.lstrip("+~"))
        kind = key_type(config, key)
        as_typed = equals and isinstance(kind, Text) and not multirun
        listed = isinstance(kind, Texts) and value[:1] == "[" and value[-1:] == "]"
        if as_typed and not listed and not _is_meant(value):
            made.append(f"{key}={quoted(value)}")
        elif _parses(override):
            made.append(override)
        else:
            raise ConfigError(_mend(override))
    return made


def _refuse_no_choice(override: str, group: str) -> None:
    """Rejects values of a group that Hydra would answer with a traceback: numbers, or a list for a single choice."""
    choices = choices_of(group)
    if not choices or "=" not in override or not _parses(override):
        return
    parsed = OverridesParser.create().parse_override(override)
    if parsed.is_sweep_override() or parsed.is_delete():
        return
    value = parsed.value()
    if not all(isinstance(one, str) for one in (value if isinstance(value, list) else [value])):
        raise ConfigError(f"{override}: {group} must be one of {', '.join(choices)}")
    if isinstance(value, list) and len(value) > 1 and group not in SEVERAL:
        raise ConfigError(f"{override}: {group} takes one name, not {len(value)}; give only one")


def _is_meant(value: str) -> bool:
    """Whether Hydra must parse the value of a text key: null, a quoted text, or an interpolation."""
    if value in ("null", "???") or "${" in value:
        return _parses(f"key={value}")
    return value[:1] in ("'", '"') and value[-1:] == value[:1] and _parses(f"key={value}")


def _is_plain(word: str) -> bool:
    """Whether a word with ``=`` or a leading ``-`` is a positional argument: it has a space or is an existing file."""
    return " " in word or "\n" in word or Path(word).exists()


def _unquoted(value: str) -> str:
    try:
        parsed = OverridesParser.create().parse_override(f"key={value}").value()
    except Exception:  # a text that Hydra cannot read
        return value
    return parsed if isinstance(parsed, str) else value


def _parses(override: str) -> bool:
    try:
        OverridesParser.create().parse_override(override)
    except Exception:  # Hydra's parser raises errors of several packages
        return False
    return True


def _mend(override: str) -> str:
    key, equals, value = override.partition("=")
    if not equals:
        return f"{override!r} has no value: give `{override}=...`"
    inner = value[1:-1].split(",")
    listed = value[:1] == "[" and value[-1:] == "]"
    several = "[" + ",".join(v if _parses(f"key={v}") else _double(v.strip("'\" ")) for v in inner) + "]"
    whole = _double(str(Path(value).expanduser()) if value.startswith("~/") else value)
    for mended in (f"{key}={several}" if listed else "", f"{key}={whole}"):
        if mended and _parses(mended):
            return f"{override!r}: this value needs quotes: `{shlex.quote(mended)}`"
    return f"{override!r} is not key=value: a key may contain only letters, digits, _ and dots"


def _double(text: str) -> str:
    return str(QuotedString(text, Quote.double).with_quotes())
