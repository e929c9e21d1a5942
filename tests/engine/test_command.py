"""Help from the configuration's comments; errors that a user can mend are one line, once; bugs keep their traceback."""

from __future__ import annotations

import errno
import os
import sys
from dataclasses import replace
from importlib import import_module

import pytest

from unif2ace.commands import checkpoint, data, generate, train
from unif2ace.engine.command import WAITING, one_line_errors, run
from unif2ace.engine.config_comments import choices_of, comments
from unif2ace.engine.help import help_text
from unif2ace.errors import DataError

NAMES = ("ask", "attributes", "caption", "evaluate", "generate", "quickstart", "release", "train")
COMMANDS = {
    **{name: import_module(f"unif2ace.commands.{name}").COMMAND for name in NAMES},
    **{f"data {name}": verb for name, verb in data.VERBS.items()},
    **{f"checkpoint {name}": verb for name, verb in checkpoint.VERBS.items()},
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_help_lists_every_key_with_its_comment_the_commands_groups_and_examples(command):
    text = help_text(command.syntax)
    found = comments(command.syntax.config)
    assert text.startswith(command.syntax.usage)
    for name, key in found.keys.items():
        assert f"  {name}=" in text
        assert key.comment.split()[0] in text if key.comment else name in found.groups
    for group in ("sampler", "moe", "source"):
        assert (f"  {group}=" in text) == (group in found.groups)
    assert any(example.startswith(command.syntax.app) for example in found.examples)


def test_help_of_evaluate_has_the_keys_of_the_kinds_and_that_of_train_its_own_options(capsys, monkeypatch):
    evaluate = COMMANDS["evaluate"]
    monkeypatch.setattr(sys, "argv", ["unif2ace-evaluate", "--help"])
    run(evaluate)
    every = capsys.readouterr().out
    assert all(f"weights of kind {kind}" in every for kind in choices_of("kind"))
    monkeypatch.setattr(sys, "argv", ["unif2ace-evaluate", "builtin", "--help"])
    run(evaluate)
    one = capsys.readouterr().out
    assert "evaluator=builtin" in one
    assert "evaluator=" in one
    text = help_text(train.COMMAND.syntax, options=dict(train.COMMAND.options))
    assert "--plan" in text
    assert "--multirun" in text


@pytest.mark.parametrize("chosen", WAITING)
def test_how_threads_wait_stays_as_the_user_set_it(chosen: str, capsys, monkeypatch):
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv(chosen, "mine")
    monkeypatch.setattr(sys, "argv", ["unif2ace-generate", "--help"])
    run(generate.COMMAND)
    assert {name: os.environ[name] for name in WAITING if name in os.environ} == {chosen: "mine"}


def test_training_with_nothing_chosen_lists_the_experiments(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["unif2ace-train"])
    with pytest.raises(SystemExit) as caught:
        train.main()
    assert caught.value.code == 2
    shown = capsys.readouterr().out
    assert all(f"experiment={name}" in shown for name in choices_of("experiment"))


def test_the_configuration_shown_is_the_one_that_the_run_uses(capsys, monkeypatch):
    words = ["experiment=unified/synthetic", "--cfg", "job", "--resolve", "moe=dense", "trainer.precision=32-true"]
    monkeypatch.setattr(sys, "argv", ["unif2ace-train", *words])
    run(train.COMMAND)
    shown = capsys.readouterr().out
    assert "shared_ffn_dim" in shown
    assert "num_experts" not in shown.partition("moe:")[2].partition("\n\n")[0].partition("block:")[0]


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (DataError("the disk of x is full"), 1, "error: the disk of x is full\n"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), 1, "error: /x: Permission denied\n"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "error: cannot write: No space left on device\n"),
        (KeyboardInterrupt(), 130, "stopped\n"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_errors_of_the_user_are_one_line(error: BaseException, code: int, message: str, capsys):
    with pytest.raises(SystemExit) as caught, one_line_errors():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err == message


def test_bugs_keep_their_traceback():
    for error in (ValueError("a bug"), FileNotFoundError(errno.ENOENT, "no file of ours"), KeyError("x")):
        with pytest.raises(type(error)), one_line_errors():
            raise error
    with pytest.raises(DataError), one_line_errors(traced=True):
        raise DataError("asked for")


def test_only_the_first_process_prints_the_error(capsys, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    with pytest.raises(SystemExit), one_line_errors():
        raise DataError("once is enough")
    assert capsys.readouterr().err == ""


def test_a_wrong_value_ends_the_command_before_its_work(capsys, monkeypatch, tmp_path):
    worked = []
    command = replace(generate.COMMAND, work=worked.append)
    for words, message in (
        (["n=0"], "n=0"),
        (["sampler=maskgitt"], "did you mean 'maskgit'"),
        (["out=/proc/x"], "/proc"),
    ):
        monkeypatch.setattr(sys, "argv", ["unif2ace-generate", "a face", f"out={tmp_path}", *words])
        with pytest.raises(SystemExit) as caught:
            run(command)
        told = capsys.readouterr().err
        assert (caught.value.code, told.count("error: "), told.count("\n")) == (1, 1, 1)
        assert message in told
    assert not worked
