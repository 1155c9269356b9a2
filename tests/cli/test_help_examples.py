"""Every --help has an example, and every example is a command line that its command reads."""

import re
import shlex
from contextlib import suppress
from importlib import import_module

import pytest

from sahelclf.cli import COMMANDS, annotate
from sahelclf.cli.console import Parser
from sahelclf.cli.hydra import composed, run_jobs
from sahelclf.config import train_config
from sahelclf.training.compose import compose_benchmark, compose_config

ALL = [*(c for c in COMMANDS if c != "annotate"), "annotate"]
ALL += [f"annotate {name}" for name in annotate.COMMANDS]
PROGRAM = "python -m sahelclf "


class ParsedError(Exception):
    """Raised in place of the command's work."""


def help_of(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    name, _, sub = command.partition(" ")
    args = [*sub.split(), "--help"]
    with suppress(SystemExit):
        import_module(f"sahelclf.cli.{name}").run(args)
    return capsys.readouterr().out


def examples_in(text: str) -> list[list[str]]:
    """Words of the example lines; a comment stands after three spaces, a redirection after >."""
    text = re.sub(r"\\\n\s*", "", text).replace("<run id>", "0" * 32).replace("<run>", "0" * 32)
    lines = text.splitlines()
    found = [line.partition(PROGRAM)[2] for line in lines if line.startswith("  ")]
    return [shlex.split(re.split(r"\s{3,}| > ", line)[0]) for line in found if line]


@pytest.mark.parametrize("command", ALL)
def test_help_has_examples_that_can_be_typed(command, capsys, monkeypatch, tmp_path):
    examples = examples_in(help_of(command, capsys))
    assert any(" ".join(words).startswith(command) for words in examples)

    parse = Parser.parse_args

    def stop(self: Parser, args: list[str]) -> None:
        parse(self, args)
        raise ParsedError

    monkeypatch.setattr(Parser, "parse_args", stop)
    for words in examples:
        name, rest = words[0], words[1:]
        if name == "train":
            sweep = [f"hydra.sweep.dir={tmp_path}", "hydra.sweep.subdir=."] if "-m" in rest else []
            seen: list[object] = []
            job = lambda settings, _, seen=seen: seen.append(train_config(settings))
            assert run_jobs("train", [*rest, *sweep], job) == []
            assert len(seen) == (4 if sweep else 1)
        elif name == "robustness":
            composed(name, rest, compose_config)
        elif name == "benchmark":
            composed(name, rest, compose_benchmark)
        else:
            with pytest.raises(ParsedError):
                import_module(f"sahelclf.cli.{name}").run(rest)
