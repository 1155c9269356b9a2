"""Rows are made up, in the formats of the public sets."""

import csv
import json

import pytest

from sahelclf.errors import RequestError
from sahelclf.studies.benchmark.leakage import find_leaks, leak_table
from sahelclf.studies.benchmark.sets import SETS, read_set
from sahelclf.tasks.labels import labels_of

TARGETS = SETS["tweeteval_stance"].targets


def write_tsv(root, name, *, train, test, dev=None):
    folder = root / "data" / name
    folder.mkdir(parents=True)
    for part, text in {"train": train, "dev": dev, "test": test}.items():
        if text is not None:
            (folder / f"{part}.tsv").write_bytes(text.encode())
    return root


def write_tweets(root, **changes):
    """Two tweets a target in each part, `changes` by `<folder>_<part>_<text|labels>`."""
    for folder in TARGETS:
        (root / "datasets" / "stance" / folder).mkdir(parents=True)
        for part in ("train", "val", "test"):
            given = {
                "text": f"I like {folder} {part} #SemST\nso {part} it is\n",
                "labels": "2\n0\n",
            }
            for what, text in given.items():
                text = changes.get(f"{folder}_{part}_{what}", text)
                (root / "datasets" / "stance" / folder / f"{part}_{what}.txt").write_text(
                    text, encoding="utf-8"
                )
    return root


def problems(name, root):
    with pytest.raises(RequestError) as caught:
        read_set(name, root)
    return caught.value.problems


def test_a_multilabel_set_with_quotes_line_ends_and_empty_texts(tmp_path):
    train = (
        'The crew said ""no"".\t1\t0\t0\t0\r\n'
        '"A ""quoted""\ttab,\r\nand a line end"\t0\t1\t0\t1\r\n'
        "Last\t0\t0\t1\t0\r\n"
    )
    one = "Café\t0\t0\t0\t1\n"
    found = read_set(
        "satp_relevant", write_tsv(tmp_path, "satp_relevant", train=train, dev=one, test=one)
    )
    # outside quotes a doubled quote stands for itself, within them for one
    assert found.train.texts == (
        'The crew said ""no"".',
        'A "quoted"\ttab,\nand a line end',
        "Last",
    )
    assert labels_of(found.spec, found.train.y) == [
        ("Armed Assault",),
        ("Bombing/Explosion", "Other"),
        ("Kidnapping",),
    ]
    assert found.train.ids == found.train.groups == ("train-1", "train-2", "train-3")
    assert found.dev.ids == ("dev-1",)
    assert found.test.texts == ("Café",)
    assert found.train.mask.all()


def test_the_columns_of_police_events_stand_in_the_published_order(tmp_path):
    row = "\t1\t0\t1\t0\t0\n"
    found = read_set(
        "IndiaPoliceEvents_sents",
        write_tsv(
            tmp_path, "IndiaPoliceEvents_sents", train=row, dev="x\t0\t0\t0\t0\t0\n", test=row
        ),
    )
    assert found.train.texts == ("",)
    assert labels_of(found.spec, found.train.y) == [("KILL", "ANY_ACTION")]
    assert labels_of(found.spec, found.dev.y) == [()]


def test_a_multiclass_set_without_dev(tmp_path):
    found = read_set(
        "cameo_class",
        write_tsv(
            tmp_path, "cameo_class", train="They met.\t1\nThey fought.\t4\n", test="They spoke.\t0"
        ),
    )
    assert found.dev is None
    assert labels_of(found.spec, found.train.y) == ["Verbal cooperation", "Material conflict"]
    assert found.train.y.tolist() == [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1]]
    assert labels_of(found.spec, found.test.y) == ["Make statement"]


def test_a_binary_set(tmp_path):
    found = read_set(
        "BBC_News",
        write_tsv(tmp_path, "BBC_News", train="a\t1\nb\t0\n", dev="c\t0\n", test="d\t1\n"),
    )
    assert found.train.y.tolist() == [[1], [0]]
    assert found.spec.primary_metric == "positive_f1"


def test_tweets_carry_the_wording_of_their_target(tmp_path):
    tweets = {
        "hillary_train_text": "one\u2028still one\n\nthree\n",
        "hillary_train_labels": "1\n0\n2\n",
    }
    found = read_set("tweeteval_stance", write_tweets(tmp_path, **tweets))
    assert (len(found.train), len(found.dev), len(found.test)) == (11, 10, 10)
    assert found.train.ids[-3:] == ("train-hillary-1", "train-hillary-2", "train-hillary-3")
    assert found.train.texts[-3:] == ("one\u2028still one", "", "three")
    assert labels_of(found.spec, found.train.y)[-3:] == ["against", "none", "favor"]
    assert found.train.targets[:2] == ("Legalization of Abortion",) * 2
    assert set(found.test.targets) == set(TARGETS.values())
    assert found.dev.texts[0] == "I like abortion val #SemST"


def test_malformed_rows_are_told_with_file_and_line(tmp_path):
    train = 'fine\t1\t0\t0\t0\n"two\nlines"\t1\t0\n\nmiddling\t0\t2\t0\t0\nnone\t0\t0\t0\t0\n'
    root = write_tsv(
        tmp_path, "satp_relevant", train=train, dev="fine\t1\t0\t0\t0\n", test="a\tb\t1\t0\t0\t0\n"
    )
    path = root / "data" / "satp_relevant"
    assert problems("satp_relevant", root) == (
        f"{path / 'train.tsv'}:2: found 3 columns, expected 5: the text, then 4 of labels",
        f"{path / 'train.tsv'}:4: found 0 columns, expected 5: the text, then 4 of labels",
        f"{path / 'train.tsv'}:5: found '2' in a column of labels, expected 0 or 1",
        f"{path / 'train.tsv'}:6: no label is 1; expected at least one of ['Armed Assault', "
        "'Bombing/Explosion', 'Kidnapping', 'Other']",
        f"{path / 'test.tsv'}:1: found 6 columns, expected 5: the text, then 4 of labels",
    )


@pytest.fixture
def usual_field_limit():
    """Python's own; other readers of ours raise it for the whole process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


@pytest.mark.usefixtures("usual_field_limit")
def test_an_unclosed_quote_is_told_where_it_opens(tmp_path):
    root = write_tsv(
        tmp_path, "cameo_class", train='fine\t1\n"open\t1\nfine\t2\n', test="fine\t1\n"
    )
    (problem,) = problems("cameo_class", root)
    assert "train.tsv:2: found 1 columns" in problem
    (root / "data" / "cameo_class" / "train.tsv").write_text('"' + "open " * 30_000)
    (problem,) = problems("cameo_class", root)
    assert (
        "train.tsv:1: not readable as tab-separated text: field larger than field limit" in problem
    )


@pytest.mark.parametrize("label", ["5", "-1", "1.0", "", "one"])
def test_a_class_out_of_range_is_refused(tmp_path, label):
    root = write_tsv(tmp_path, "cameo_class", train=f"x\t{label}\n", test="x\t1\n")
    (problem,) = problems("cameo_class", root)
    assert f"train.tsv:1: found label {label!r}, expected one of 0, 1, 2, 3, 4" in problem


def test_malformed_tweets_are_refused(tmp_path):
    root = write_tweets(tmp_path, abortion_val_labels="2\n3\n", climate_test_labels="1\n")
    stance = root / "datasets" / "stance"
    assert problems("tweeteval_stance", root) == (
        f"{stance / 'abortion' / 'val_labels.txt'}:2: found label '3', expected one of 0, 1, 2",
        f"{stance / 'climate' / 'test_labels.txt'}: 1 lines, but 2 in test_text.txt; expected the "
        "same number",
    )


def test_many_bad_rows_are_counted(tmp_path):
    found = problems(
        "cameo_class", write_tsv(tmp_path, "cameo_class", train="x\t9\n" * 60, test="x\t1\n")
    )
    assert len(found) == 51
    assert found[-1] == "and 10 more"


def test_what_is_missing_is_explained_with_the_repository(tmp_path):
    assert problems("cameo_class", tmp_path / "none") == (
        f"{tmp_path / 'none'}: no such folder; for cameo_class expected a clone of "
        "https://github.com/eventdata/ConfliBERT: "
        "`git clone https://github.com/eventdata/ConfliBERT`, then root= that folder",
    )
    (problem,) = problems("tweeteval_stance", tmp_path)
    assert (
        "train_text.txt: No such file or directory; for tweeteval_stance expected a clone of "
        "https://github.com/cardiffnlp/tweeteval" in problem
    )
    (problem,) = problems("BBC", tmp_path)
    assert "set 'BBC': not known; expected one of ['BBC_News'" in problem
    root = write_tsv(tmp_path, "cameo_class", train="", test="x\t1\n")
    assert "cameo_class: train part: no rows" in problems("cameo_class", root)[0]
    (root / "data" / "cameo_class" / "train.tsv").write_bytes(b"caf\xe9\t1\n")
    assert "train.tsv: not UTF-8 at byte 3" in problems("cameo_class", root)[0]


def test_every_set_has_its_published_metric():
    metrics = {name: public.metric for name, public in SETS.items()}
    assert metrics == {
        "BBC_News": "positive_f1",
        "IndiaPoliceEvents_docs": "example_f1",
        "IndiaPoliceEvents_sents": "example_f1",
        "IndiaPoliceEvents_sents_by_document": "example_f1",
        "insightCrime": "example_f1",
        "satp_relevant": "example_f1",
        "cameo_class": "macro_f1",
        "tweeteval_stance": "mean_f1/against+favor",
    }


def test_leaks_of_a_worked_example(tmp_path):
    train = "the same words stand here too\t1\nshort\t0\nshort\t1\nshort\t2\nalone\t3\n"
    dev_less = "alone\t4\n  short \t1\nthe same words stand here too\t1\nnew\t0\nnew\t1\n"
    report = find_leaks(
        read_set("cameo_class", write_tsv(tmp_path, "cameo_class", train=train, test=dev_less))
    )
    found = report["test in train"]
    assert (found.rows, found.ids, found.long, found.differing) == (
        5,
        ("test-1", "test-2", "test-3"),
        ("test-3",),
        ("test-1",),
    )
    assert not {"test in dev", "dev in train"} & {*report}
    # 'short' three times: two repeat an earlier row, each with labels not seen before
    assert (
        report["repeated in train"].ids
        == report["repeated in train"].differing
        == ("train-3", "train-4")
    )
    assert report["repeated in test"].ids == ("test-5",)
    assert leak_table(report) == [
        ["texts", "rows", "found", "of 6 words or more", "labelled otherwise"],
        ["test in train", "5", "3", "1", "1"],
        ["repeated in train", "5", "2", "0", "2"],
        ["repeated in test", "5", "1", "0", "1"],
    ]


def test_leaks_between_all_three_parts(tmp_path):
    root = write_tsv(
        tmp_path, "BBC_News", train="a\t1\nb\t0\n", dev="b\t0\nc\t1\n", test="c\t0\nd\t1\n"
    )
    report = find_leaks(read_set("BBC_News", root))
    assert report["test in train"].ids == ()
    assert (report["test in dev"].ids, report["test in dev"].differing) == (
        ("test-1",),
        ("test-1",),
    )
    assert (report["dev in train"].ids, report["dev in train"].differing) == (("dev-1",), ())


def test_one_tweet_on_two_targets_is_no_leak(tmp_path):
    tweets = {"abortion_train_text": "mine\nyours\n", "atheism_test_text": "mine\ntheirs\n"}
    report = find_leaks(read_set("tweeteval_stance", write_tweets(tmp_path, **tweets)))
    assert report["test in train"].ids == ()
    assert report["repeated in train"].ids == ()


def write_sentences(root, rows):
    folder = root / "data" / "final"
    folder.mkdir(parents=True)
    (folder / "sents.jsonl").write_text(
        "".join(f"{row if isinstance(row, str) else json.dumps(row)}\n" for row in rows)
    )
    return root


def test_sentences_of_one_document_are_never_parted(tmp_path):
    rows = [
        {
            "doc_id": d,
            "sent_id": s,
            "sent_text": f"text {d} {s}",
            "sent_labels": ["KILL", "FORCE"] if s else [],
        }
        for d in range(200)
        for s in range(3)
    ]
    found = read_set("IndiaPoliceEvents_sents_by_document", write_sentences(tmp_path, rows))
    documents = [{*part.groups} for part in (found.train, found.dev, found.test)]
    assert sum(map(len, documents)) == len(set().union(*documents)) == 200
    assert [len(p) for p in (found.train, found.dev, found.test)] == [3 * len(d) for d in documents]
    # 30 of 200 are expected in dev and in test, with a standard deviation of 5
    assert all(15 <= len(d) <= 45 for d in documents[1:])
    assert labels_of(found.spec, found.train.y)[:2] == [(), ("KILL", "FORCE")]
    assert found.train.ids[0] == f"{found.train.groups[0]}-0"


def test_sentences_that_cannot_be_read_are_told_by_line(tmp_path):
    good = {"doc_id": 1, "sent_id": 0, "sent_text": "x", "sent_labels": []}
    told = problems(
        "IndiaPoliceEvents_sents_by_document", write_sentences(tmp_path, [good, "{", {"doc_id": 2}])
    )
    assert [line.split(":")[1] for line in told[:2]] == ["2", "3"]
    assert "sent_labels" in told[1]
