"""What the terminal shows: in a pipe, at two widths, without colour, in ASCII."""

import json
import os
import pty
import subprocess
import sys

import pytest

SHOW = """
import logging
from sahelclf.cli import console
from sahelclf.training.crossfit import Step

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
from sahelclf.training.crossfit import Step

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
        "encoding texts, 128 of 256: 50% after 0 min",
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
