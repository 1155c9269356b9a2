"""From a collection to a trained labeller with two coders, by commands alone."""

import csv
import json
import random

import pytest

from sahelclf.annotation.batch import read_batch
from sahelclf.annotation.page import batch_id
from support import CODEBOOK, made_text, sahelclf, write_lines

TOPICS, STANCES = ("fishing", "dredging"), ("pro", "con")
WRONG = 6  # units that ben answers with no throughout


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A collection of 140 texts whose topic and stance are known, a codebook, no labels."""
    folder, rng = tmp_path_factory.mktemp("loop"), random.Random(3)
    with (folder / "articles.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["id", "body", "topic", "stance"])
        for k in range(140):
            topic, stance = (*TOPICS, "")[k % 3], STANCES[k % 2]
            parts = (topic, stance) if topic else ("other",)
            writer.writerow([f"a{k:03d}", made_text(rng, *parts), topic, stance])
    (folder / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    return folder


def run(folder, *args, code=0):
    done = sahelclf(*args, cwd=folder)
    assert done.returncode == code, done.stderr
    return done


def annotate(folder, batch_folder):
    """Both coders answer the batch as their pages would save it; ben overlooks some units."""
    with (folder / "articles.csv").open(encoding="utf-8", newline="") as stream:
        truth = {r["id"]: r for r in csv.DictReader(stream)}
    batch = read_batch(folder / batch_folder)
    files = []
    for name in batch.info.annotators:
        rows = []
        for k, u in enumerate(batch.assigned(name)):
            row = truth[u.unit]
            said = {t: row["stance"] if t == row["topic"] else "no" for t in TOPICS}
            if name == "ben" and k < WRONG:
                said = dict.fromkeys(TOPICS, "no")
            rows.append(
                {"batch": batch_id(batch), "annotator": name, "unit": u.unit, "check": u.check}
                | {"answers": said}
            )
        files.append(f"{batch_folder}/answers-{name}.jsonl")
        write_lines(folder / files[-1], rows)
    return files


def test_from_a_collection_to_a_labeller_with_two_coders(folder):
    who = ["--annotators", "anna,ben", "--codebook", "codebook.yaml", "--to", "page"]
    who += ["--text", "body"]
    run(folder, "annotate", "sample", "articles.csv", "-o", "batch-1", "--n", "120", *who)
    files = annotate(folder, "batch-1")
    done = run(folder, "annotate", "import", "batch-1", *files, "--corpus", "mine")
    assert "anna" in done.stderr
    assert "no label yet, since the answers differ" in done.stderr
    again = run(folder, "annotate", "import", "batch-1", *files, "--corpus", "mine")
    assert "nothing new: the corpus is as it was" in again.stderr
    agreement = run(folder, "corpus", "agreement", "--corpus", "mine").stdout
    assert "first-round agreement of 120 units" in agreement
    assert "who differs from whom" in agreement
    assert "anna / ben" in agreement
    page = run(folder, "annotate", "adjudicate", "--corpus", "mine", "-o", "decide.html")
    assert page.stdout.strip() == "decide.html"
    undecided = [r["id"] for r in passages(folder) if r["topics"] is None]
    assert 0 < len(undecided) <= WRONG
    decide(folder, undecided)
    done = run(
        folder, "annotate", "adjudicate", "--corpus", "mine", "--from", "decisions.jsonl",
        "--annotator", "eva",
    )  # fmt: skip
    assert f"{len(undecided)} new decisions" in done.stderr
    checked = sahelclf("corpus", "validate", "--corpus", "mine", cwd=folder)
    codes = {line.split()[0] for line in checked.stdout.splitlines() if line.startswith("C")}
    assert not codes & {"C06", "C07", "C08", "C09", "C13"}
    for name in ("one", "two"):
        seed = f"seed={len(name)}" if name == "one" else "seed=7"
        run(folder, "train", "corpus=mine", "crossfit=3", f"out={name}", seed)
    status = run(folder, "annotate", "status", "--corpus", "mine", "one", "two").stdout
    for expected in ("120 units with labels, 0 undecided", "batch batch-1: 120 units",
                     "100 more units:", "width with the 20 that are left",
                     "one and two:"):  # fmt: skip
        assert expected in status, status
    (folder / "articles.csv").rename(folder / "moved.csv")
    done = run(folder, "annotate", "status", "--corpus", "mine", "one", "two", code=2)
    assert "width with the 20" in done.stdout  # all but the comparison
    assert "the bundles are not compared: annotate status: the collection" in done.stderr
    write_lines(folder / "new.jsonl", [{"words": f"text {k} of a later month"} for k in range(9)])
    new = ["--texts", "new.jsonl", "--text", "words"]
    done = run(folder, "annotate", "status", "--corpus", "mine", "one", "two", *new)
    assert "kappa of successive models on 9 texts that nobody has labelled" in done.stdout
    (folder / "moved.csv").rename(folder / "articles.csv")


def passages(folder):
    text = (folder / "mine" / "passages.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def decide(folder, units):
    """What the page for adjudication saves: anna was right."""
    text = (folder / "batch-1" / "answers-anna.jsonl").read_text(encoding="utf-8")
    said = {r["unit"]: r["answers"] for r in map(json.loads, text.splitlines())}
    rows = [{"unit": u, "round": 1, "answers": said[u], "why": "read again"} for u in units]
    write_lines(folder / "decisions.jsonl", rows)


def test_requests_that_are_wrong_are_explained(folder):
    done = run(folder, "annotate", "adjudicate", "--corpus", "mine", code=2)
    assert "expected one of -o FILE, --from FILE and --rule" in done.stderr
    done = run(folder, "annotate", "import", "none", "x.jsonl", "--corpus", "mine2", code=2)
    assert "expected a folder that `annotate sample` wrote" in done.stderr
    assert not (folder / "mine2").exists()
    done = run(folder, "annotate", "--help")
    for name in ("sample", "import", "adjudicate", "audit", "status"):
        assert f"  {name}" in done.stdout
