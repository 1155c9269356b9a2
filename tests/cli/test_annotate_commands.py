"""docs/annotate.md, "All of it on one page": its commands take two coders to a trained labeller."""

import csv
import json
import random
import re
import shlex
from pathlib import Path

import pytest

from sahelclf.annotation.batch import read_batch
from sahelclf.annotation.page import batch_id
from support import CODEBOOK, made_text, sahelclf, write_lines

PAGE = (Path(__file__).parents[2] / "docs" / "annotate.md").read_text(encoding="utf-8")
TOPICS, STANCES = ("fishing", "dredging"), ("pro", "con")
BEN, BOTH = 6, 10  # the first units that ben answers with no, and the next that both do


def commands(title):
    """Arguments of the commands of a section, in order."""
    section = re.search(rf"^## {title}\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL)[1]
    blocks = "".join(re.findall(r"```bash\n(.*?)```", section, re.DOTALL)).replace("\\\n", "")
    return [
        shlex.split(line.removeprefix("python -m sahelclf "))
        for line in blocks.splitlines()
        if line.startswith("python -m sahelclf ")
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A collection of 140 texts whose topic and stance are known, a codebook, no labels."""
    folder, rng = tmp_path_factory.mktemp("loop"), random.Random(3)
    with (folder / "articles.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "body", "date", "topic", "stance"])
        for k in range(140):
            topic, stance = (*TOPICS, "")[k % 3], STANCES[k % 2]
            parts = (topic, stance) if topic else ("other",)
            month = f"2024-0{1 + k % 2}-11"
            writer.writerow([f"a{k:03d}", made_text(rng, *parts), month, topic, stance])
    (folder / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    return folder


def run(folder, *args, code=0):
    paths = [
        sorted(p.relative_to(folder).as_posix() for p in folder.glob(arg)) if "*" in arg else [arg]
        for arg in args
    ]
    done = sahelclf(*(arg for path in paths for arg in path), cwd=folder)
    assert done.returncode == code, (args, done.stderr)
    return done


def truth(folder):
    """Right answers by unit."""
    with (folder / "articles.csv").open(encoding="utf-8", newline="") as stream:
        rows = [*csv.DictReader(stream)]
    return {r["id"]: {t: r["stance"] if t == r["topic"] else "no" for t in TOPICS} for r in rows}


def annotate(folder, name):
    """Both coders answer a batch as their pages would save it, and overlook some topics."""
    batch, right = read_batch(folder / name), truth(folder)
    for who in batch.info.annotators:
        rows = []
        for k, u in enumerate(batch.assigned(who)):
            overlooked = k < BOTH and (who == "ben" or k >= BEN) and name == "batch-1"
            said = dict.fromkeys(TOPICS, "no") if overlooked else right[u.unit]
            row = {"batch": batch_id(batch), "annotator": who, "unit": u.unit, "check": u.check}
            rows.append(row | {"answers": said})
        write_lines(folder / name / f"answers-{who}.jsonl", rows)


def decide(folder):
    """What the page for adjudication saves: anna was right."""
    text = (folder / "batch-1" / "answers-anna.jsonl").read_text(encoding="utf-8")
    said = {r["unit"]: r["answers"] for r in map(json.loads, text.splitlines())}
    rows = [
        {"unit": r["id"], "round": 1, "answers": said[r["id"]], "why": "read again"}
        for r in passages(folder)
        if r["topics"] is None
    ]
    write_lines(folder / "decisions.jsonl", rows)


def passages(folder):
    text = (folder / "corpus" / "passages.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def shown(folder):
    """What each command of the page shows; people answer and decide in between."""
    people = {
        "annotate import batch-1": lambda: annotate(folder, "batch-1"),
        "annotate import batch-2": lambda: annotate(folder, "batch-2"),
        "annotate adjudicate --corpus corpus --from": lambda: decide(folder),
    }
    outputs = {}
    for args in commands("All of it on one page"):
        line = " ".join(args)
        for start, work in people.items():
            if line.startswith(start):
                work()
        done = run(folder, *args)
        outputs[line] = done.stdout + done.stderr
    return outputs


def output_of(shown, start, last=False):
    return [text for line, text in shown.items() if line.startswith(start)][-1 if last else 0]


def test_the_page_leads_from_articles_to_a_labeller_and_shares(folder, shown):
    imported = output_of(shown, "annotate import batch-1")
    assert "anna" in imported
    assert "no label yet, since the answers differ" in imported
    agreement = output_of(shown, "corpus agreement")
    assert "first-round agreement of 100 units" in agreement
    assert "anna / ben" in agreement
    assert re.search(r"[1-6] new decisions, 0 known", output_of(shown, "annotate adjudicate", True))
    checked = sahelclf("corpus", "validate", "--corpus", "corpus", cwd=folder).stdout
    assert not {*re.findall(r"C\d\d", checked)} & {"C06", "C07", "C08", "C09", "C13"}
    status = output_of(shown, "annotate status")
    for expected in ("100 units with labels, 0 undecided", "batch batch-1: 100 units",
                     "100 more units:", "units of the collection without a label: 40"):  # fmt: skip
        assert expected in status, status
    later = output_of(shown, "annotate status", last=True)
    assert "bundles/first and bundles/second:" in later
    assert "kappa of successive models on 20 texts that nobody has labelled" in later
    assert len(passages(folder)) == 120
    again = read_batch(folder / "audit-1")
    assert {u.drawn for u in again.units} == {"again"}
    with (folder / "labels.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert len([*csv.DictReader(stream)]) == 140
    with (folder / "shares" / "shares.csv").open(encoding="utf-8-sig", newline="") as stream:
        assert {r["topic"] for r in csv.DictReader(stream)} == {*TOPICS}


def test_sheets_with_the_same_answers_change_nothing(folder, shown):
    (sheets,) = [c for c in commands("Import") if "batch-1/sheet-anna.csv" in c]
    for name in ("anna", "ben"):
        text = (folder / "batch-1" / f"answers-{name}.jsonl").read_text(encoding="utf-8")
        said = {r["unit"]: r["answers"] for r in map(json.loads, text.splitlines())}
        path = folder / "batch-1" / f"sheet-{name}.csv"
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = [*csv.DictReader(stream)]
        with path.open("w", encoding="utf-8-sig", newline="") as stream:
            writer = csv.DictWriter(stream, [*rows[0]])
            writer.writeheader()
            writer.writerows(row | said.get(row["id"], {}) for row in rows)
    assert "nothing new: the corpus is as it was" in run(folder, *sheets).stderr


def test_the_status_does_not_need_the_collection(folder, shown):
    status = ["annotate", "status", "--corpus", "corpus", "bundles/first", "bundles/second"]
    (folder / "articles.csv").rename(folder / "moved.csv")
    done = run(folder, *status, code=2)
    (folder / "moved.csv").rename(folder / "articles.csv")
    assert "without a label: 20" in done.stdout  # all but the comparison
    assert "the bundles are not compared: annotate status: the collection" in done.stderr
    write_lines(folder / "new.jsonl", [{"words": f"text {k} of a later month"} for k in range(9)])
    done = run(folder, *status, "--texts", "new.jsonl", "--text", "words")
    assert "kappa of successive models on 9 texts that nobody has labelled" in done.stdout


def test_every_command_of_the_page_is_run_by_a_test():
    lines = re.findall(r"^python -m sahelclf (.*)$", PAGE, re.MULTILINE)
    run_here = {" ".join(c) for c in (*commands("All of it on one page"), *commands("Import"))}
    elsewhere = {  # tests/annotation/test_docs_annotate.py
        "annotate sample --n 100 -o check",
        "corpus agreement --with check/sheet.csv",
        *(
            line
            for line in lines
            if line.startswith("annotate import batch-1") and "answers-" not in line
        ),
    }
    left = {" ".join(shlex.split(line)) for line in lines} - run_here - elsewhere
    assert left == set()


def test_requests_that_are_wrong_are_explained(folder):
    done = run(folder, "annotate", "adjudicate", "--corpus", "mine", code=2)
    assert "expected one of -o FILE, --from FILE and --rule" in done.stderr
    done = run(folder, "annotate", "import", "none", "x.jsonl", "--corpus", "mine2", code=2)
    assert "expected a folder that `annotate sample` wrote" in done.stderr
    assert not (folder / "mine2").exists()
    done = run(folder, "annotate", "--help")
    for name in ("sample", "import", "adjudicate", "audit", "status"):
        assert f"  {name}" in done.stdout
