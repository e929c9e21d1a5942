"""What the documents say: every command composes, every file, key, link and anchor exists, every snippet runs."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import sys
import tomllib
import unicodedata
from functools import cache
from pathlib import Path
from posixpath import normpath
from types import ModuleType

import pytest
import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.utils import get_class
from warm_process import run_warm

from unif2ace.engine import compose
from unif2ace.engine.config_comments import comments

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.glob("**/*.md")])
BLOCK = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```', re.MULTILINE | re.DOTALL)
OTHERS = {"cd", "export", "kill", "lmms_eval", "make", "mkdir", "pgrep", "source", "tensorboard"}
"""Commands of other projects; targets of make are checked below."""
FREE = {"ckpt", "folder", "n", "name", "out", "run_dir", "seed"}
"""Keys that take any value."""
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS, SCRIPTS = PROJECT["optional-dependencies"], PROJECT["scripts"]


def _name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def _blocks(page: Path, *languages: str) -> list[tuple[str, str]]:
    """Title and text of the page's blocks of these languages."""
    found = BLOCK.findall(page.read_text(encoding="utf-8"))
    return [(title, text) for language, title, text in found if language in languages]


def _typed(line: str) -> list[str]:
    """Words of a shell line without its comment and the variables before it."""
    words = shlex.split(line, comments=True)
    while words and re.match(r"[A-Z_0-9]+=", words[0]):
        words.pop(0)
    return words


def _shell_lines() -> list[tuple[str, str]]:
    return [
        (_name(page), line.strip())
        for page in PAGES
        for _, text in _blocks(page, "bash")
        for line in text.replace("\\\n", "").splitlines()
        if _typed(line)
    ]


def _ours(words: list[str]) -> list[str]:
    """The command of this project that a line starts, also through a launcher; empty if there is none."""
    if words[0] == "srun":
        return words[1:]
    if words[0] == "sbatch":
        script = next(i for i, word in enumerate(words) if word.endswith(".sh"))
        return ["unif2ace-train", *words[script + 1 :]] if words[script].endswith("train_slurm.sh") else []
    if words[0] == "torchrun":
        module = words.index("-m")
        return [f"unif2ace-{words[module + 1].rpartition('.')[2]}", *words[module + 2 :]]
    return words if words[0].startswith("unif2ace-") else []


def _commands() -> list[tuple[str, str]]:
    """Command lines of the documents, and of the examples that `--help` shows."""
    primary = sorted((ROOT / "configs").glob("*.yaml"))
    found = [(file.name, example) for file in primary for example in comments(file.stem).examples]
    return found + [(page, shlex.join(_ours(_typed(line)))) for page, line in _shell_lines() if _ours(_typed(line))]


def _keys_of(command: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """The command with its verb, and what it sets: keys without their values, groups with their choice."""
    app, *words = shlex.split(command)
    verb = words[:1] if app in ("unif2ace-data", "unif2ace-checkpoint") else []
    typed = [word for word in words if "=" in word or word.startswith("-")]
    keys = [word.partition("=")[0] for word in typed]
    return (app, *verb), frozenset(k if "." in k or k in FREE else w for k, w in zip(keys, typed, strict=True))


def _cases() -> list[object]:
    """Every command; slow are those whose keys another one sets with others, and repetitions."""
    commands = sorted({command: page for page, command in _commands()}.items())
    keys = {command: _keys_of(command) for command, _ in commands}
    seen: set[object] = set()
    cases = []
    for command, page in commands:
        app, own = keys[command]
        covered = keys[command] in seen or any(app == other and own < more for other, more in keys.values())
        seen.add(keys[command])
        cases.append(pytest.param(page, command, marks=[pytest.mark.slow] if covered else []))
    return cases


@pytest.mark.parametrize(("page", "command"), _cases(), ids=lambda v: v)
def test_every_command_shown_composes(page: str, command: str, tmp_path: Path):
    app, *words = shlex.split(command)
    if "VERB" in words:
        return
    assert app in SCRIPTS, f"{page}: {app} is not a command"
    name = app.removeprefix("unif2ace-")
    module = importlib.import_module(f"unif2ace.commands.{name}")
    command = module.VERBS[words.pop(0)] if name in ("data", "checkpoint") else module.COMMAND
    if name == "evaluate":  # what the weights say
        known = words[0] == "builtin" or "unified" in words[0]
        scored = known or any(word.startswith(("evaluator=", "grader=", "scores.", "metric=[")) for word in words)
        kind = "unified" if scored else "attributes" if "attributes" in words[0] else "tokenizer"
        words += [f"kind={kind}"]
    words = [w for w in words if not w.startswith("--plan")]
    line = command.syntax.split(command.syntax.overrides(words))
    overrides = [_first_value(o) if "-m" in line.options else o for o in line.overrides]
    if "--config-dir" in line.options:
        folder = line.options[line.options.index("--config-dir") + 1]
        _write_titled(ROOT / page, tmp_path)
        compose(command.syntax.config, overrides, tmp_path / folder)
    else:
        _composes(command.syntax.config, *overrides)


def _first_value(override: str) -> str:
    """An override of a sweep with its first value."""
    parsed = OverridesParser.create().parse_override(override)
    if not parsed.is_sweep_override():
        return override
    first = parsed.value().start if parsed.is_interval_sweep() else next(parsed.sweep_string_iterator())
    return f"{parsed.get_key_element()}={first}"


@cache
def _composes(name: str, *overrides: str) -> None:
    compose(name, overrides)


@pytest.mark.parametrize(("page", "line"), sorted(set(_shell_lines())), ids=lambda v: v)
def test_every_shell_line_is_of_a_kind_that_is_checked(page: str, line: str):
    words = _typed(line)
    files = [w for w in words if re.fullmatch(r"(scripts|benchmarks|notebooks)/\S+\.\w+", w)]
    assert all((ROOT / file).exists() for file in files), f"{page}: {line}"
    if words[:2] == ["pip", "install"]:
        named = {extra for group in re.findall(r"unif2ace\[([\w,]+)\]", line) for extra in group.split(",")}
        assert named <= set(EXTRAS), f"{page} installs extras {sorted(named - set(EXTRAS))}"
    elif words[:2] == ["python", "-m"] and words[2].partition(".")[0] == "benchmarks":
        names = [*filter(None, [words[2].partition(".")[2]]), *words[3:]]
        assert all((ROOT / "benchmarks" / f"{name}.py").is_file() for name in names), f"{page}: {line}"
    else:
        assert _ours(words) or words[0] in OTHERS or files, f"{page}: no test knows what {words[0]!r} is: {line}"


# --- files of the reader's own ---


def _write_titled(page: Path, folder: Path) -> list[Path]:
    """Writes the page's blocks that have a title into files of that name."""
    made = []
    for title, text in _blocks(page, "python", "yaml"):
        if title:
            file = folder / title
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            made.append(file)
    return made


TITLED = [page for page in PAGES if any(title for title, _ in _blocks(page, "python", "yaml"))]


@pytest.mark.parametrize("page", TITLED, ids=_name)
def test_files_that_a_page_asks_to_write_work(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    made = _write_titled(page, tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "mylab"]:
        monkeypatch.delitem(sys.modules, name)
    for file in made:
        if file.suffix == ".yaml":
            entry = yaml.safe_load(file.read_text())
            assert get_class(entry["_target_"] if "_target_" in entry else entry[file.stem]["_target_"])
        elif file.stem.startswith("test_"):
            found: dict = {}
            exec(compile(file.read_text(), file.name, "exec"), found)
            for name in [name for name in found if name.startswith("test_")]:
                found[name]()
    for name in [name for name in sys.modules if name.partition(".")[0] == "mylab"]:
        del sys.modules[name]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "line"), [(p, line) for p, line in _shell_lines() if "num_samples=2000 " in line and "debug=fast" in line]
)
def test_short_runs_of_the_tutorials_run(page: str, line: str, tmp_path: Path):
    _write_titled(ROOT / page, tmp_path)
    words = _typed(line.replace("num_samples=2000", "num_samples=300"))[1:]
    settings = {**os.environ, "UNIF2ACE_ROOT": str(tmp_path)}
    done = run_warm(["-m", "unif2ace.commands.train", *words], cwd=tmp_path, env=settings)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_blocks_of_code_can_be_read(page: Path):
    for title, text in _blocks(page, "python"):
        compile(text, f"{page.name} {title}", "exec")
        assert title or "unif2ace.load" in text, f"{page.name}: no test runs this block"
    for _, text in _blocks(page, "yaml"):
        assert yaml.safe_load(text), page.name


# --- links ---


@cache
def _reference() -> ModuleType:
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("reference_pages")
    finally:
        sys.path.pop(0)


@cache
def _site() -> dict[str, str]:
    """Text of every page of the site, by its path in `docs/`; generated ones too."""
    return _reference().pages() | {
        page.relative_to(DOCS).as_posix(): page.read_text(encoding="utf-8") for page in DOCS.glob("**/*.md")
    }


def _anchors(text: str) -> set[str]:
    """Anchors of the headings, as MkDocs makes them."""
    prose = re.sub(r"(?ms)^```.*?^```", "", text)
    found = set()
    for heading in re.findall(r"(?m)^#+ (.+)$", prose):
        plain = unicodedata.normalize("NFKD", re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading))
        slug = re.sub(r"[^\w\s-]", "", plain.encode("ascii", "ignore").decode()).strip().lower()
        found.add(re.sub(r"[-\s]+", "-", slug))
    return found


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_and_file_named_exists(page: Path):
    text = page.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", text):
        if "://" in target:
            continue
        path = normpath((page.parent / target).as_posix()) if target else page.as_posix()
        inside = Path(path).relative_to(DOCS).as_posix() if path.startswith(DOCS.as_posix()) else ""
        assert Path(path).exists() or inside in _site(), f"{page.name} links to {target}"
        if anchor:
            linked = _site()[inside] if inside else Path(path).read_text(encoding="utf-8")
            assert anchor in _anchors(linked), f"{page.name} links to {target}#{anchor}"
    for name in re.findall(r"`((?:src|configs|tests|benchmarks|notebooks|scripts|docs)/[\w./-]+)`", text):
        if "NAME" not in name and "AREA" not in name:
            assert (ROOT / name).exists(), f"{page.name} names {name}"


def test_every_page_is_in_the_navigation_once():
    listed = re.findall(r"(?m)^ +- (?:.+: )?(\S+\.md)$", (ROOT / "mkdocs.yml").read_text(encoding="utf-8"))
    written = [page.relative_to(DOCS).as_posix() for page in DOCS.glob("**/*.md")]
    assert sorted(listed) == sorted([*written, *(page for page in _reference().COPIES if page in listed)])


def test_every_make_target_named_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:`|^)make ([a-z-]+)", page.read_text(encoding="utf-8"), re.MULTILINE))
        assert named <= targets, f"{page.name} names make targets {sorted(named - targets)}"


def test_pages_and_code_name_only_pages_that_exist():
    files = [
        f
        for p in ("src/**/*.py", "configs/**/*.yaml", "scripts/*", "notebooks/*.py")
        for f in ROOT.glob(p)
        if f.is_file()
    ]
    for file in [*files, *PAGES]:
        for name in re.findall(r"(?<![\w/])docs/[\w/-]+\.md", file.read_text(encoding="utf-8")):
            assert (ROOT / name).is_file(), f"{file.relative_to(ROOT)} names {name}"


# --- the generated reference ---


def test_the_reference_has_every_command_group_and_key():
    site, reference = _site(), _reference()
    for app in SCRIPTS:
        assert f"# {app}\n" in site[f"reference/commands/{app}.md"]
    groups = {f.name for f in (ROOT / "configs").iterdir() if f.is_dir() and list(f.rglob("*.yaml"))} - {"local"}
    assert groups == {group for area in reference.GROUPS.values() for group in area}
    for group in groups:
        text = site[f"reference/config/{group}.md"]
        for file in (ROOT / "configs" / group).rglob("*.yaml"):
            choice = file.relative_to(ROOT / "configs" / group).with_suffix("").as_posix()
            assert f"## {choice}\n" in text
            if group not in reference.AS_FILES:
                for row in reference.keys(group, file.read_text(encoding="utf-8")):
                    assert f"`{row.name}`" in text


def test_a_key_of_the_reference_is_the_one_that_is_typed():
    reference = _reference()
    source = "# A loss.\nad:\n  _target_: x.Y\n  weight: 1.0  # factor\n  nested:\n    deep: [a]\n"
    rows = reference.keys("loss", source)
    assert rows == [("loss.ad.weight", "1.0", "factor"), ("loss.ad.nested.deep", "[a]", "")]
    source = "# @package _global_\n# Text.\ndefaults:\n  - /a: b\ntrainer: {max_steps: 1}  # short\n"
    assert reference.keys("debug", source) == [("trainer", "{max_steps: 1}", "short")]
    assert reference.header(source) == "Text."
    source = "# A part.\n_target_: x.Y\na: 1\n# What b\n# is.\nb: [c]\n"
    assert reference.keys("moe", source) == [("moe.a", "1", ""), ("moe.b", "[c]", "What b is.")]
    assert "`eyeglasses`" in _site()["reference/attributes.md"]
    assert "5\\_o\\_Clock\\_Shadow" in _site()["reference/attributes.md"]


def test_the_figure_of_the_masks_is_drawn_from_the_code():
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        made = importlib.import_module("mask_figure").figure()
    finally:
        sys.path.pop(0)
    assert (DOCS / "explanation" / "omni_attention.svg").read_text(encoding="utf-8") == made


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 80
