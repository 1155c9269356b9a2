"""What the terminal shows: in a pipe, at two widths, without colour, in ASCII."""

import json
import os
import pty
import subprocess
import sys

import pytest

from sahelclf.cli import console

SHOW = """
import logging
from sahelclf.cli import console
from sahelclf.training.steps import Step

console.prepare()
rows = [["score", "passages", "documents"]]
scores = ["0.873 [0.851, 0.893]"] * 2
rows += [[f"stance/topic_{k}/macro_f1", *scores] for k in range(2)]
console.table(rows)
console.say("é ± … [bold]x[/bold] " + "word " * 40)
logging.getLogger("sahelclf.some").warning("postgresql://me:SECRET@host é")
with console.progress() as show:
    show(Step("fitting 1 of 2", "one", 0, 2, 1, 4, {"loss": 0.5}))
console.result('{"a": "é…😀"}')
"""


def in_pipe(encoding: str = "utf-8") -> tuple[str, str]:
    env = os.environ | {"PYTHONIOENCODING": encoding}
    done = subprocess.run(
        [sys.executable, "-c", SHOW], env=env, capture_output=True, check=True, timeout=60
    )
    return done.stdout.decode(encoding), done.stderr.decode(encoding)


def on_terminal(columns: int, **variables: str) -> str:
    env = os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"} | variables
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", SHOW], env=env, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    parts = []
    try:
        while part := os.read(ours, 65536):
            parts.append(part)
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(ours)
    assert process.wait(timeout=60) == 0
    return b"".join(parts).decode()


def test_a_pipe_gets_plain_text_and_no_progress():
    out, err = in_pipe()
    assert out == '{"a": "é…😀"}\n'
    lines = err.splitlines()
    assert lines[0].split() == ["score", "passages", "documents"]
    assert lines[2] == "stance/topic_0/macro_f1  0.873 [0.851, 0.893]  0.873 [0.851, 0.893]"
    assert lines[4] == "é ± … [bold]x[/bold] " + "word " * 40  # whole, however long
    assert lines[5] == "warning: postgresql://me:***@host é"
    assert len(lines) == 6
    assert "\x1b" not in err


SHOW_JOBS = """
import time
from sahelclf.cli import console
from sahelclf.training.steps import Step

console.MINUTE = 60 * MINUTES
with console.progress() as show:
    show(Step("encoding texts, 64 of 256", "encode", 0, 1, 64, 256))
    for done in (128, 192):
        time.sleep(0.01)
        show(Step(f"encoding texts, {done} of 256", "encode", 0, 1, done, 256))
    show(Step("cross-fitting 1 of 5", "fold-1", 0, 6))
with console.row_progress() as show:
    show(30, 40)
"""


def test_a_pipe_gets_one_line_a_minute():
    def lines(minutes: int) -> list[str]:
        code = SHOW_JOBS.replace("MINUTES", str(minutes))
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        return done.stderr.decode().splitlines()

    assert lines(1) == []  # all is done in less than a minute
    assert lines(0) == [
        "encoding texts, 64 of 256: 25% after 0 min",
        "encoding texts, 128 of 256: 50% after 0 min, about 0 min left",
        "encoding texts, 192 of 256: 75% after 0 min, about 0 min left",
        "cross-fitting 1 of 5: 0% after 0 min",
        "rows: 75% after 0 min",
    ]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_an_encoding_without_some_signs_prints_all_the_same(encoding):
    out, err = in_pipe(encoding)
    assert json.loads(out) == {"a": "é…😀"}
    assert ("é" in out) == (encoding == "latin-1")
    assert "..." in err


def test_a_terminal_gets_tables_of_its_width_progress_and_colour():
    narrow, wide = on_terminal(60), on_terminal(200)
    assert "stance/topic_0/macro_f1" in narrow
    assert "0.873 [0.851, 0.893]" not in narrow  # folded, no digit is lost
    assert narrow.count("0.893]") == wide.count("0.893]") == 4
    assert wide.count("0.873 [0.851, 0.893]") == 4
    for shown in (narrow, wide):
        assert "fitting 1 of 2, step 1 of 4, loss 0.500" in shown.replace("\r", "")
        assert "\x1b[33mwarning: postgresql://me:***@host" in shown
        assert "[bold]x[/bold]" in shown


def test_no_color_is_honoured():
    shown = on_terminal(100, NO_COLOR="1")
    assert "\x1b[33m" not in shown
    assert "warning: postgresql://me:***@host" in shown


def test_an_ascii_terminal_gets_ascii_lines():
    shown = on_terminal(100, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert shown.isascii()
    assert "fitting 1 of 2" in shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0.2, "0 s"), (8.4, "8 s"), (59.6, "1 min 0 s"), (65, "1 min 5 s"), (7800, "2 h 10 min")],
)
def test_a_time_is_shown_as_people_say_it(seconds, shown):
    assert console.duration(seconds) == shown


def test_the_time_left_is_estimated_from_all_steps_of_this_process(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: clock[0])
    shown = console._Progress("reading")

    def left_after(seconds: float, done: float) -> float | None:
        clock[0] = seconds
        shown("fitting", done, 10)
        ends = shown.bar.tasks[-1].fields["ends"]
        return ends if ends is None else ends - seconds

    assert left_after(30, 0) is None  # reading does not count
    assert left_after(40, 1) == pytest.approx(90)
    assert left_after(45, 2) == pytest.approx(60)
    assert left_after(50, 1) is None  # another job
    assert left_after(60, 2) == pytest.approx(80)
