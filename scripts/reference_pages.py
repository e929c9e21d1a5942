"""Generates the reference pages of the documentation from the code: commands, configuration, attributes, Python API.

`pages` returns the pages as Markdown, and `scripts/site_hooks.py` adds them to the site. The pages are not stored.
"""

from __future__ import annotations

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import yaml

from unif2ace.attributes.mapping import AttributeMapping
from unif2ace.attributes.taxonomy import TAXONOMY
from unif2ace.engine.command import Command
from unif2ace.engine.config_comments import Comments, choices_of, comments
from unif2ace.engine.help import OPTIONS, purpose

ROOT = Path(__file__).parents[1]
CONFIGS, SOURCE = ROOT / "configs", ROOT / "src" / "unif2ace"
VERBS = ("data", "checkpoint")
"""Commands whose first word is a verb with keys of its own."""
SKIPPED = {"_partial_", "_recursive_", "_convert_", "_self_"}
AS_FILES = ("debug", "experiment", "form", "table")
"""Groups whose files are shown as they are: they set keys of other groups."""
NOT_API = {"commands", "builtin", "demo"}
COPIES = {
    "reference/changelog.md": "CHANGELOG.md",
    "reference/contributing.md": "CONTRIBUTING.md",
    "results/model_card.md": "src/unif2ace/builtin/card.md",
}
"""Pages that are files of the repository outside `docs/`."""
GROUPS = {
    "Training": {
        "experiment": "A complete training configuration.",
        "trainer": "Lightning's Trainer: devices, precision, number of steps.",
        "strategy": "How training is distributed over processes.",
        "launcher": "Who starts the processes.",
        "optimizer": "Optimizer and parameter groups.",
        "lr_scheduler": "Learning rate over the steps.",
        "finetune": "Which weights a run trains.",
        "callbacks": "Observers of a run, and averaged weights.",
        "run_callbacks": "What protects a run. Every run has all of them.",
        "logger": "Where values and pictures are logged.",
        "debug": "Short runs that look for a fault.",
        "hparams_search": "Hyperparameter search with `-m`.",
        "extras": "Settings of the process: warnings, printed configuration.",
    },
    "Model": {
        "module": "The LightningModule: what is trained.",
        "net": "The network.",
        "moe": "Experts of the unified model.",
        "router": "How tokens choose routed experts.",
        "block": "Order of the layers in a transformer block.",
        "attention": "Attention layer.",
        "norm": "Normalisation layer.",
        "feed_forward": "Feed-forward network.",
        "visual_encoder": "Frozen encoders of the image for understanding.",
        "quantizer": "Quantizer of the image tokenizer.",
        "discriminator": "Discriminator of the adversarial loss.",
        "features": "Frozen features for perceptual losses and distances.",
    },
    "Objective": {
        "loss": "Terms of the training objective.",
        "forward_process": "How image tokens are corrupted in training.",
        "noise_schedule": "How much is corrupted at a time.",
        "sampler": "How image tokens are generated.",
    },
    "Data": {
        "data": "The LightningDataModule.",
        "dataset": "Data sets that a run reads.",
        "task": "Kinds of training samples and their batch sizes.",
        "source": "Importers of pictures and public data sets.",
        "export_format": "Formats in which a data set is exported.",
        "question_file": "Question files of benchmarks.",
        "detector": "Face detectors of `unif2ace-data collect`.",
        "filter": "Filters of `unif2ace-data collect`.",
        "language_model": "Language models that write captions and questions, or grade.",
    },
    "Evaluation": {
        "metric": "Metrics of validation, and of a model's outputs.",
        "extractor": "Image features of distribution metrics.",
        "grader": "Who grades texts and pictures.",
        "answer_likelihood": "The model behind VQAScore.",
        "caption_parser": "How statements are read from captions.",
        "section": "Sections of the page of `unif2ace-report`.",
        "table": "Tables of the paper as experiments.",
        "edit_region": "How the region of an edit is found.",
        "importer": "Importers of weights of other projects.",
    },
    "Shared files": {
        "base": "Keys that all commands of a kind share.",
        "kind": "Keys of `unif2ace-evaluate` for each kind of network.",
        "form": "Stages of `unif2ace-quickstart`.",
        "paths": "Folders for data and runs.",
    },
}
"""Groups of `configs/` by area, each with its purpose."""


class Row(NamedTuple):
    """A key of a configuration file: dotted name, value as written, comment."""

    name: str
    value: str
    comment: str


def pages() -> dict[str, str]:
    """Markdown of every generated page, by its path in the documentation."""
    made = {"reference/commands/index.md": _command_index(), "reference/config/index.md": _group_index()}
    made |= {f"reference/commands/{app}.md": _command_page(app) for app in apps()}
    made |= {f"reference/config/{group}.md": _group_page(group, text) for group, text in _groups().items()}
    made |= {f"reference/api/{name}.md": _api_page(name) for name in packages()}
    made["reference/attributes.md"] = _attribute_page()
    return made | {page: (ROOT / file).read_text(encoding="utf-8") for page, file in COPIES.items()}


def apps() -> list[str]:
    """Names of the console commands."""
    return sorted(tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"])


def packages() -> list[str]:
    """Names of the packages of the Python API."""
    return sorted(p.name for p in SOURCE.iterdir() if (p / "__init__.py").is_file() and p.name not in NOT_API)


def _groups() -> dict[str, str]:
    return {group: text for area in GROUPS.values() for group, text in area.items()}


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines) + "\n"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|") if text else ""


def _prose(text: str) -> str:
    """Escapes the text of a comment or docstring for Markdown, to prevent accidental emphasis, tags or table cells."""
    return re.sub(r"(?<![\w.`])([\w.]+=\S+?)(?=[,;.]?(\s|$))", r"`\1`", text.replace("|", "\\|").replace("<", "&lt;"))


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", ":")) else ".") if text else ""


# --- commands ---


@cache
def _commands(app: str) -> dict[str, Command]:
    module = importlib.import_module(f"unif2ace.commands.{app.removeprefix('unif2ace-')}")
    verbs = app.removeprefix("unif2ace-") in VERBS
    return dict(module.VERBS) if verbs else {"": module.COMMAND}


def _doc(app: str) -> str:
    file = SOURCE / "commands" / f"{app.removeprefix('unif2ace-')}.py"
    text = (ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    return _sentence(re.sub(r"^`[^`]*`: *", "", text.replace("\n", " ")))


def _command_index() -> str:
    rows = [(f"[`{app}`]({app}.md)", _prose(_doc(app))) for app in apps()]
    options = [(_code(name), _prose(_sentence(text))) for name, text in OPTIONS.items()]
    return (
        "# Commands\n\nEvery key is set with `key=value`. `--help` of a command shows the same as its page here.\n\n"
        + _table(("command", "what it does"), rows)
        + "\n## Options of every command\n\n"
        + _table(("option", "meaning"), options)
    )


def _command_page(app: str) -> str:
    commands = _commands(app)
    parts = [f"# {app}\n" + (f"\n{_prose(_doc(app))}\n" if "" not in commands else "")]
    for verb, command in commands.items():
        found = comments(command.syntax.config)
        if verb:
            parts.append(f"## {verb}\n\n{_prose(_sentence(command.help))}\n")
        parts.append(f"```bash\n{command.syntax.usage} [key=value ...]\n```\n\n{_prose(purpose(found))}\n")
        parts.append(_keys_and_groups(found))
        kinds = choices_of("kind") if command.kinds else []
        for kind in kinds:
            of_kind = comments(f"kind/{kind}")
            parts.append(f"**For weights of kind `{kind}`.** {_prose(purpose(of_kind))}\n\n{_keys_and_groups(of_kind)}")
        if command.options:
            rows = [(_code(name), _prose(_sentence(text))) for name, text in command.options.items()]
            parts.append(_table(("option", "meaning"), rows))
        if found.examples:
            parts.append("Examples:\n\n```bash\n" + "\n".join(found.examples) + "\n```\n")
    return "\n".join(parts)


def _keys_and_groups(found: Comments) -> str:
    keys = [(_code(k.name), _code(k.value), _prose(k.comment)) for n, k in found.keys.items() if n not in found.groups]
    known = _groups()
    groups = [
        (f"[`{name}`](../config/{name}.md)" if name in known else _code(name), _code(_chosen(choice)))
        for name, choice in found.groups.items()
        if choices_of(name)
    ]
    parts = [_table(("key", "default", "meaning"), keys)] if keys else []
    return "\n".join([*parts, *([_table(("group", "default"), groups)] if groups else [])])


def _chosen(choice: object) -> str:
    return f"[{','.join(choice)}]" if isinstance(choice, list) else str(choice or "null")


# --- configuration ---


def _group_index() -> str:
    parts = [
        "# Configuration\n\nA group is a folder of `configs/`, a choice is a file in it. `group=choice` selects it, "
        "`group.key=value` sets a key. These pages are written from the files and their comments.\n"
    ]
    for area, groups in GROUPS.items():
        rows = [
            (f"[`{group}`]({group}.md)", text, ", ".join(_code(c) for c in choices_of(group)))
            for group, text in groups.items()
        ]
        parts.append(f"## {area}\n\n" + _table(("group", "selects", "choices"), rows))
    return "\n".join(parts)


def _group_page(group: str, text: str) -> str:
    parts = [f"# {group}\n\n{text}\n"]
    for choice in choices_of(group):
        source = (CONFIGS / group / f"{choice}.yaml").read_text(encoding="utf-8")
        target = re.search(r"^ {0,2}_target_: *(\S+)", source, re.MULTILINE)
        parts.append(f"## {choice}\n\n{_prose(header(source))}\n")
        if target and target[1].startswith("unif2ace."):
            parts.append(f"Class: [`{target[1]}`][{target[1]}]\n")
        elif target:
            parts.append(f"Class: `{target[1]}`\n")
        if group in AS_FILES:
            parts.append(f"```yaml\n{_body(source)}```\n")
            continue
        if taken := defaults(source):
            parts.append("Includes: " + ", ".join(_code(name) for name in taken) + "\n")
        rows = [(_code(r.name), _code(r.value), _prose(r.comment)) for r in keys(group, source)]
        if rows:
            parts.append(_table(("key", "default", "meaning"), rows))
    return "\n".join(parts)


def _body(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not line.startswith("# @package")) + "\n"


def header(source: str) -> str:
    """The comment at the top of a configuration file, as one paragraph."""
    lines = []
    for line in source.splitlines():
        if not line.startswith("#"):
            break
        if "@package" not in line:
            lines.append(line.removeprefix("#").strip())
    return " ".join(lines)


def defaults(source: str) -> list[str]:
    """The entries of the file's defaults list, such as ``override /loss: [d3diff, ar]``."""
    listed = (yaml.safe_load(source) or {}).get("defaults", ())
    named = [f"{k}={_chosen(v)}" for e in listed if isinstance(e, dict) for k, v in e.items()]
    return named + [e for e in listed if isinstance(e, str) and e not in SKIPPED]


def keys(group: str, source: str) -> list[Row]:
    """Keys of a configuration file by dotted name, as on the command line, with the comment on or above each key."""
    above: list[tuple[int, str]] = [] if "@package _global_" in source else [(-1, group)]
    rows: list[Row] = []
    fixed, before = len(above), ""
    for line in source.splitlines():
        if remark := re.fullmatch(r" *# *(.*)", line):
            before = f"{before} {remark[1]}".strip()
            continue
        found = re.fullmatch(r"( *)([A-Za-z_]\w*):(?: +(.*?))??(?: +#+ *(.*))?", line)
        if not found:
            before = ""
            continue
        indent, key = len(found[1]), found[2]
        while len(above) > fixed and above[-1][0] >= indent:
            above.pop()
        if key == "defaults":
            above.append((indent, key))
        elif not any(name == "defaults" for _, name in above) and key not in {*SKIPPED, "_target_"}:
            above.append((indent, key))
            comment = found[4] or (before if rows else "")  # what stands above the first key is about the whole file
            rows.append(Row(".".join(name for _, name in above), found[3] or "", comment))
        before = ""
    parents = {row.name.rpartition(".")[0] for row in rows}
    said = [row for row in rows if row.value or (row.comment and row.name not in parents)]
    return [row for row in said if not row.name.startswith("hydra.")]


# --- attributes ---


def _attribute_page() -> str:
    mappings = {name: AttributeMapping(name) for name in ("celeba", "celebv_hq")}
    rows = [
        (
            _code(name),
            label.family,
            _code(f"{label.field}: {str(label.value).lower()}"),
            *(", ".join(_elsewhere(mapping, label.field, label.value, name)) for mapping in mappings.values()),
        )
        for name, label in TAXONOMY.labels.items()
    ]
    fields = [
        (
            _code(f.name),
            f.group,
            ", ".join(f.choices) or "yes, no",
            "yes" if f.identity else "",
            _code(f.requires or ""),
        )
        for f in TAXONOMY.fields.values()
    ]
    return (
        "# Attributes\n\nA face is a typed record. A value that is not visible or not labelled is null. "
        "46 yes-or-no labels are read from the record.\n\n## Labels\n\n"
        + _table(("label", "family", "record", "CelebA", "CelebV-HQ"), rows)
        + "\n## Fields of the record\n\nA field of a person stays the same from one picture to the next.\n\n"
        + _table(("field", "group", "values", "of a person", "requires"), fields)
    )


def _elsewhere(mapping: AttributeMapping, field: str, value: object, label: str) -> Iterator[str]:
    for name, meaning in mapping.meanings.items():
        said = meaning.get("present", {})
        if said.get(field) == value or said.get(label) is True:
            yield name.replace("_", "\\_")


# --- Python API ---


def _api_page(package: str) -> str:
    parts = [f"# unif2ace.{package}\n\n::: unif2ace.{package}\n"]
    for file in sorted((SOURCE / package).rglob("*.py")):
        name = ".".join(file.relative_to(SOURCE).with_suffix("").parts)
        if file.stem != "__init__" and not file.stem.startswith("_"):
            parts.append(f"## unif2ace.{name}\n\n::: unif2ace.{name}\n")
    return "\n".join(parts)
