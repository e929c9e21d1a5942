"""Words of a command line reach the command as typed, and what is not understood is named with the mend."""

from __future__ import annotations

from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from unif2ace.commands import ask, caption, data, generate, release, train
from unif2ace.engine import compose
from unif2ace.engine.overrides import typed_overrides
from unif2ace.engine.words import quoted
from unif2ace.errors import ConfigError

NASTY = [
    "é.png",
    "彼女は笑っていますか？",
    "a(1).png",
    'it\'s "so"',
    "#1",
    "~/faces",
    "null",
    "true",
    "12",
    "1e3",
    "a, b",
    "[a]",
    "{a: b}",
    "${seed} \\${seed}",
    "back\\slash\\",
    "100% = all; a|b & c*?!",
    " two  blanks ",
    "a\nb",
]


@settings(max_examples=300, deadline=None)
@given(
    st.text(alphabet=st.sampled_from("ab\\'\"${}[](),=:#~ é日\n\t-+*?!;|/.%&"), max_size=12).filter(
        lambda text: text != "???"
    )
)
def test_any_text_is_read_back_from_its_quotes(text: str):
    value = OverridesParser.create().parse_override(f"key={quoted(text)}").value()
    config = OmegaConf.create({"key": value, "several": [value]})
    assert (config.key, config.several[0]) == (text, text)


def test_nasty_words_reach_every_command_as_typed():
    config = compose("caption", caption.COMMAND.syntax.overrides([*NASTY, "max_new=3"]))
    assert (list(config.picture), config.max_new) == (NASTY, 3)
    assert list(compose("generate", generate.COMMAND.syntax.overrides(NASTY)).prompt) == NASTY
    for word in NASTY:
        config = compose("ask", ask.COMMAND.syntax.overrides(["a.png", word]))
        assert (list(config.picture), config.question) == (["a.png"], word)


@pytest.mark.parametrize("word", [w for w in NASTY if w not in ("null", "[a]") and "${" not in w])
def test_the_value_of_a_text_key_is_taken_as_typed(word: str):
    words = release.COMMAND.syntax.overrides(["a", f"title={word}"])
    assert compose("release", words).title == word
    assert compose("release", ["ckpt=a", f"title={word}"]).title == word


def test_values_that_are_meant_for_hydra_stay():
    config = compose("ask", ["picture=[a,b]", "question='x, y'", "ckpt=${paths.logs}/m", "device=null"])
    assert (list(config.picture), config.question, config.device) == (["a", "b"], "x, y", None)
    assert config.ckpt.endswith("logs/m")


def test_a_word_with_an_equals_sign_or_a_dash_is_a_word_where_it_can_only_be_one(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("a=b.png", "-c.png", "~d.png"):
        Path(name).touch()
    line = caption.COMMAND.syntax.split(["a=b.png", "-c.png", "~d.png", "count=2", "--", "-x", "n=1"])
    assert line.words == ["a=b.png", "-c.png", "~d.png", "-x", "n=1"]
    assert line.overrides == ["count=2"]
    assert ask.COMMAND.syntax.split(["f.png", "x=1 or not?", "- what?"]).words == ["f.png", "x=1 or not?", "- what?"]


def test_options_may_stand_between_overrides():
    for words in (["seed=3", "--cfg", "job", "name=x"], ["--cfg", "job", "seed=3", "name=x"]):
        assert train.COMMAND.syntax.overrides(words) == ["seed=3", "name='x'", "--cfg", "job"]
    assert train.COMMAND.syntax.overrides(["--info", "seed=3"]) == ["seed=3", "--info"]
    assert generate.COMMAND.syntax.overrides(["a woman", "--cfg", "job"]) == ["prompt=['a woman']", "--cfg", "job"]


def test_several_pictures_and_one_question(tmp_path: Path):
    config = compose("ask", ask.COMMAND.syntax.overrides(["a.png", "b.png", "Who?"]))
    assert (list(config.picture), config.question) == (["a.png", "b.png"], "Who?")
    assert compose("ask", ask.COMMAND.syntax.overrides(["Who?", "picture=a.png"])).question == "Who?"


VERBS = data.VERBS


@pytest.mark.parametrize(
    ("syntax", "words", "message"),
    [
        (ask.COMMAND.syntax, ["f.png", "Is", "she", "smiling"], 'unif2ace-ask f.png "Is she smiling"'),
        (ask.COMMAND.syntax, ["f.png"], "needs a question"),
        (ask.COMMAND.syntax, ["f.png", "Q", "picture=g.png"], "'Q' and picture=g.png both set picture: give one value"),
        (ask.COMMAND.syntax, ["f.png", "???"], "the argument '???' is not allowed"),
        (ask.COMMAND.syntax, ["f.png", "Q", "choices=[Yes,Nö]"], "'choices=[Yes,\"Nö\"]'"),
        (release.COMMAND.syntax, ["a", "b", "c"], "does not understand 'b', 'c'.*'a b c'"),
        (VERBS["stats"].syntax, ["a", "b"], "does not understand 'b'"),
        (VERBS["build"].syntax, ["a"], "does not understand 'a'.*--help"),
        (train.COMMAND.syntax, ["attributes/synthetic"], "does not understand 'attributes/synthetic'"),
        (train.COMMAND.syntax, ["optimizer.lr=a(1)"], "'optimizer.lr=\"a(1)\"'"),
        (train.COMMAND.syntax, ["--cfgs", "job"], "no option '--cfgs' (did you mean '--cfg'"),
        (caption.COMMAND.syntax, ["-nowhere.png"], "unif2ace-caption -- -nowhere.png"),
        (caption.COMMAND.syntax, ["f.png", "--max_new=2"], "write a key without dashes: max_new=2"),
        (ask.COMMAND.syntax, ["f.png", "what=1?"], "no key 'what'.*`unif2ace-ask ... -- 'what=1?'`"),
        (generate.COMMAND.syntax, ["x", "sampler=3"], "sampler must be one of analytic"),
        (train.COMMAND.syntax, ["metric=null"], "metric must be one of agreement"),
        (train.COMMAND.syntax, ["callbacks=[ema,null]"], "callbacks must be one of"),
        (train.COMMAND.syntax, ["experiment=[unified/full,tokenizer/magvit]"], "experiment takes one name, not 2"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_what_is_not_understood_is_named_with_the_mend(syntax, words: list[str], message: str):
    with pytest.raises(ConfigError) as caught:
        syntax.overrides(words)
    for part in message.split(".*"):
        assert part in str(caught.value)


def test_an_interpolation_in_an_override_is_one_of_the_configuration():
    assert compose("generate", ["seed=5", "out=o_${seed}"]).out == "o_5"
    found = OmegaConf.create({"hydra": {"task": ["out='o_${seed}'", "seed=5"]}})
    assert typed_overrides(found.hydra.task) == ["out='o_${seed}'", "seed=5"]


def test_messages_of_hydra_are_one_line_with_the_mend():
    with pytest.raises(ConfigError, match=r"type n=2 without the \+$"):
        compose("generate", ["+n=2"])
    with pytest.raises(ConfigError, match=r"no experiment 'Unified/Full' .did you mean 'unified/full'"):
        compose("train", ["experiment=Unified/Full"])
