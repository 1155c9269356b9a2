import csv
import gzip
import io
import json
import resource

import pandas as pd
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sahelclf.bundle.labeller import Labeller
from sahelclf.corpus.pages import page_of
from sahelclf.errors import RequestError, SahelclfError
from sahelclf.predict.inputs import open_source
from sahelclf.predict.rows import Columns, Item, Reject
from sahelclf.predict.run import Options, predict
from support import write_lines

BOAT = "The boat crews landed a catch and residents welcomed it and praised the plan"
RAIN = "The choir sang in the church while rain fell on the market"


@pytest.fixture(scope="module")
def labeller(bundle):
    return Labeller.load(bundle)


@pytest.fixture
def messages(caplog):
    """What the package logs."""
    caplog.set_level("INFO", logger="sahelclf")
    return caplog


def items(path, unit=None, **columns):
    return list(open_source(str(path), unit, Columns(**columns)).items())


def test_a_row_has_the_designs_form(labeller):
    row = labeller.predict([BOAT], ids=["a1"])[0]
    assert list(row) == ["id", "unit", "language", "topics"]
    assert (row["id"], row["unit"], row["language"]) == ("a1", "passage", "en")
    assert list(row["topics"]) == ["fishing", "dredging"]
    fishing, dredging = row["topics"]["fishing"], row["topics"]["dredging"]
    assert list(fishing) == ["probability", "holds", "stance", "stance_probability"]
    assert fishing["holds"] is True
    assert fishing["stance"] == "pro"
    assert dredging["holds"] is False
    assert dredging["stance"] is None
    for t in (fishing, dredging):
        assert sum(t["stance_probability"].values()) == pytest.approx(1, abs=1e-5)
    json.dumps(row)


def test_a_document_has_passages_offsets_and_evidence(labeller):
    row = labeller.predict_document(f"Market day\n\n{RAIN}.\n\n{BOAT}.\n\nLeave a Reply", "d1")
    whole = "\n\n".join(p["text"] for p in row["passages"])
    assert all(whole[p["start"] : p["end"]] == p["text"] for p in row["passages"])
    assert row["topics"]["fishing"]["evidence"] == 1
    assert row["topics"]["fishing"]["holds"]
    assert [d["reason"] for d in row["dropped"]] == ["comment form"]
    assert row["title"] == "Market day"
    with pytest.raises(RequestError, match="no text is left"):
        labeller.predict_document("Leave a Reply")


def test_predict_refuses_what_is_no_sequence_of_texts(labeller):
    with pytest.raises(RequestError, match="put it in a list"):
        labeller.predict("one text")
    with pytest.raises(RequestError, match="found None at position 1"):
        labeller.predict(["a", None])
    with pytest.raises(RequestError, match="1 texts and 2 ids"):
        labeller.predict(["a"], ids=["1", "2"])
    assert labeller.predict([]) == []


def test_every_form_of_rows_gives_the_same_items(tmp_path):
    rows = [
        {"id": "x", "text": "Un café à Ménaka, «deux»", "year": 2020},
        {"id": "y", "text": 'He said "no",\nand left', "year": 2021},
    ]
    write_lines(tmp_path / "a.jsonl", rows)
    frame = pd.DataFrame(rows)
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.csv", "a.parquet"):
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / f"{name}.zst").write_bytes(zstandard.compress((tmp_path / name).read_bytes()))
    expected = [(r["id"], r["text"], str(r["year"])) for r in rows]
    for path in sorted(tmp_path.iterdir()):
        assert [(i.id, i.text, str(i.extra["year"])) for i in items(path)] == expected, path.name


def test_folders_and_patterns_are_read_in_order(tmp_path):
    (tmp_path / "b.txt").write_text("Second")
    (tmp_path / "a.txt").write_text("First")
    (tmp_path / "notes.pdf").write_text("no")
    assert [i.id for i in items(tmp_path)] == ["a.txt", "b.txt"]
    assert [i.id for i in items(tmp_path / "b*.txt")] == ["b.txt"]
    assert open_source(str(tmp_path), None, Columns()).unit == "document"
    (tmp_path / "c.csv").write_text("text\nThird\n")
    with pytest.raises(RequestError, match="say --unit passage or --unit document"):
        open_source(str(tmp_path), None, Columns())


def test_without_an_id_rows_take_their_number(tmp_path):
    (tmp_path / "a.csv").write_text("text\nOne\nTwo\n")
    assert [i.id for i in items(tmp_path / "a.csv")] == ["1", "2"]


def test_columns_can_be_named_and_a_wrong_one_is_refused_with_what_there_is(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("body,key\nOne,k\n")
    assert items(path, text="body", id="key") == [Item("k", "One", f"{path}:2")]
    with pytest.raises(
        RequestError,
        match=r"no column 'text' for the text; found \['body', 'key'\]; name it with --text COLUMN",
    ):
        items(path)
    with pytest.raises(RequestError, match="no column 'when' for the date"):
        items(path, text="body", date="when")


def test_bad_rows_are_rejected_with_the_reason_and_good_ones_go_on(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        '{"text": "good one"}',
        '{"text": 7}',
        '{"text": "  "}',
        '{"body": "x"}',
        "not json",
        '{"text": "a\\u0000b"}',
        '{"text": "last"}',
    ]
    path.write_bytes(
        "\n".join(lines).encode()
        + b'\n{"text": "caf\xe9"}\n'
        + b'{"text": "'
        + b"x" * 50_000_000
        + b'"}\n'
    )
    found = items(path)
    assert [f.text for f in found if isinstance(f, Item)] == ["good one", "last"]
    reasons = [f.reason for f in found if isinstance(f, Reject)]
    for part, reason in zip(
        [
            "expected text, found 7",
            "missing value (empty)",
            "no 'text'; found ['body']",
            "not JSON",
            "NUL",
            "not UTF-8",
            "50.0 MB",
        ],
        reasons,
        strict=True,
    ):
        assert part in reason
    assert [f.where.rpartition(":")[2] for f in found] == [str(n) for n in range(1, 10)]


def test_bad_rows_of_a_csv_are_rejected(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(
        b'text,n\ngood,1\n"caf\xe9 \xc3\xa9\xc3\xa9",2\nshort\nlong,1,2\n,3\nnul\x00,4\nlast,5\n'
        + b"x" * 11_000_000
        + b",6\nunread,7\n"
    )
    found = items(path)
    assert [f.text for f in found if isinstance(f, Item)] == ["good", "last"]
    reasons = " | ".join(f.reason for f in found if isinstance(f, Reject))
    for part in (
        "not UTF-8",
        "1 fields, the header has 2",
        "3 fields",
        "missing value (empty)",
        "NUL",
        "field larger than field limit",
    ):
        assert part in reasons


def test_an_open_quote_swallows_no_rows_unseen(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('id,text\n1,fine\n2,"open\n3,swallowed\n')
    texts = [f.text for f in items(path) if isinstance(f, Item)]
    assert texts == ["fine", '"open', "swallowed"]  # read without quoting: no row is lost
    file = open_source(str(path), None, Columns()).intake.files[0]
    assert any("quoting none" in note for note in file.notes)


def test_headers_that_mislead_are_refused(tmp_path):
    path = tmp_path / "a.csv"
    for text, message in (
        ("text,a,a\nx,1,2\n", r"names \['a'\] twice"),
        ("r\x81gion,text\nx,y\n", "the header is neither UTF-8 nor Windows-1252"),
        ("id;body\n1;x\n", r"no column 'text' for the text; found \['id', 'body'\]"),
    ):
        path.write_bytes(text.encode("latin-1"))
        with pytest.raises(RequestError, match=message):
            items(path)


def test_an_explicit_column_that_a_row_lacks_is_a_reject(tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": "x", "key": 1}, {"text": "y"}])
    first, second = items(tmp_path / "a.jsonl", id="key")
    assert first.id == "1"
    assert "no 'key' for the id" in second.reason


def test_pages_of_sub_folders_have_ids_of_their_own(tmp_path):
    for year in ("2021", "2022"):
        (tmp_path / year).mkdir()
        (tmp_path / year / "a.txt").write_text("Some text")
    assert [i.id for i in items(tmp_path)] == ["2021/a.txt", "2022/a.txt"]


def test_standard_input_is_told_apart(monkeypatch):
    def read(data):
        monkeypatch.setattr("sys.stdin", type("S", (), {"buffer": io.BytesIO(data)})())
        return open_source("-", None, Columns())

    for data, unit, texts in (
        (b'\xef\xbb\xbf{"text": "a"}\n', "passage", ["a"]),
        (b"id,text\n1,a\n2,b\n", "passage", ["a", "b"]),
        (b"A plain text, with a comma.\n", "document", ["A plain text, with a comma.\n"]),
    ):
        source = read(data)
        assert source.unit == unit
        assert [i.text for i in source.items()] == texts
    assert [i.text for i in read(b'[{"text": "a"}]').items()] == ["a"]


def test_late_and_clashing_columns_are_carried(labeller, tmp_path):
    rows = [{"text": ""}] * 300 + [{"text": BOAT, "unit": "u", "input_unit": "v", "late": 1}]
    write_lines(tmp_path / "in.jsonl", rows)
    run(labeller, tmp_path / "in.jsonl", tmp_path / "o.csv")
    run(labeller, tmp_path / "in.jsonl", tmp_path / "o.jsonl")
    flat = pd.read_csv(tmp_path / "o.csv").iloc[0]
    row = json.loads((tmp_path / "o.jsonl").read_text())
    for found in (flat, row):
        assert (found["input_unit"], found["input_input_unit"], found["late"]) == ("u", "v", 1)


def test_text_pages_of_other_encodings(tmp_path):
    (tmp_path / "a.txt").write_bytes("Ménaka".encode("utf-16"))
    (tmp_path / "b.txt").write_bytes("Ménaka".encode("cp1252"))
    (tmp_path / "c.txt").write_bytes(b"")
    (tmp_path / "d.txt").write_bytes("\ufeffMénaka".encode())
    a, b, c, d = items(tmp_path)
    assert (a.text, b.text, d.text) == ("Ménaka", "Ménaka", "Ménaka")
    assert c.reason == "empty"


def test_what_cannot_be_read_is_refused(tmp_path):
    (tmp_path / "e.jsonl").write_text("")
    for name, message in (
        ("no.csv", "no such file"),
        ("e.jsonl", "empty; expected"),
        ("x.docx", "no such file"),
        ("*.csv", "matches no file"),
    ):
        with pytest.raises(RequestError, match=message):
            open_source(str(tmp_path / name), None, Columns())
    (tmp_path / "x.docx").write_text("x")
    with pytest.raises(RequestError, match=r"unknown form '.docx'"):
        open_source(str(tmp_path / "x.docx"), None, Columns())


def test_a_damaged_archive_is_rejected(tmp_path):
    whole = gzip.compress(b'{"text": "one"}\n' * 1000)
    (tmp_path / "a.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.jsonl.zst").write_bytes(b"not zstd")
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no")
    for name in ("a.jsonl.gz", "b.jsonl.zst", "c.parquet"):
        assert "not readable" in items(tmp_path / name)[-1].reason


def run(labeller, path, out, unit=None, **columns):
    return predict(labeller, open_source(str(path), unit, Columns(**columns)), out)


def test_outputs_hold_the_same_rows_in_every_form(labeller, tmp_path, messages):
    rows = [
        {
            "id": f"r{i}",
            "text": (BOAT, RAIN)[i % 2],
            "place": "quay",
            "unit": "mine",
            "fishing_x": 1,
        }
        for i in range(300)
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    for name in ("o.jsonl", "o.csv", "o.parquet", "o.csv.gz", "o.jsonl.zst"):
        summary = run(labeller, tmp_path / "in.jsonl", tmp_path / name)
        assert (summary.labelled, summary.rejected) == (300, 0)
    lines = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    flat = pd.read_parquet(tmp_path / "o.parquet")
    table = pd.read_csv(tmp_path / "o.csv")
    assert (
        [r["id"] for r in lines]
        == [r["id"] for r in rows]
        == flat["id"].tolist()
        == table["id"].tolist()
    )
    assert (
        [r["topics"]["fishing"]["probability"] for r in lines]
        == flat["fishing_probability"].tolist()
        == table["fishing_probability"].tolist()
    )
    expected = ["id", "unit", "passage", "language"]
    for topic in ("fishing", "dredging"):
        expected += [f"{topic}_{n}" for n in ("probability", "holds", "stance", "pro", "con")]
    assert (
        table.columns.tolist()
        == flat.columns.tolist()
        == [*expected, "place", "input_unit", "input_fishing_x"]
    )
    assert lines[0]["place"] == "quay"
    assert lines[0]["input_unit"] == "mine"
    assert (
        gzip.decompress((tmp_path / "o.csv.gz").read_bytes()) == (tmp_path / "o.csv").read_bytes()
    )
    assert (
        zstandard.ZstdDecompressor()
        .stream_reader(io.BytesIO((tmp_path / "o.jsonl.zst").read_bytes()))
        .read()
        == (tmp_path / "o.jsonl").read_bytes()
    )
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".")]
    assert "300 passages labelled" in messages.text


def test_documents_in_the_flat_table_stand_before_their_passages(labeller, tmp_path):
    (tmp_path / "a.txt").write_text(f"{RAIN}.\n\n{BOAT}.")
    run(labeller, tmp_path / "a.txt", tmp_path / "o.csv")
    rows = list(csv.DictReader((tmp_path / "o.csv").open()))
    assert [(r["id"], r["unit"], r["passage"]) for r in rows] == [
        ("a.txt", "document", ""),
        ("a.txt", "passage", "0"),
        ("a.txt", "passage", "1"),
    ]


def test_rows_as_documents_take_their_title_as_a_heading(labeller, tmp_path):
    write_lines(
        tmp_path / "a.jsonl",
        [{"text": f"{RAIN}.", "headline": "Boat catch welcomed", "day": "2020-01-02"}],
    )
    run(
        labeller,
        tmp_path / "a.jsonl",
        tmp_path / "o.jsonl",
        "document",
        title="headline",
        date="day",
    )
    row = json.loads((tmp_path / "o.jsonl").read_text())
    assert row["passages"][0]["text"].startswith("Boat catch welcomed\n")
    assert (row["title"], row["date"]) == ("Boat catch welcomed", "2020-01-02")


def test_rejects_lie_beside_the_output_and_go_with_the_next_clean_run(labeller, tmp_path):
    (tmp_path / "a.csv").write_text('text\ngood one here\n""\n')
    run(labeller, tmp_path / "a.csv", tmp_path / "o.jsonl")
    rejects = tmp_path / "o.jsonl.rejects.jsonl"
    assert json.loads(rejects.read_text())["reason"] == "text: missing value (empty)"
    (tmp_path / "a.csv").write_text("text\ngood one here\n")
    run(labeller, tmp_path / "a.csv", tmp_path / "o.jsonl")
    assert not rejects.exists()


def test_no_row_labelled_is_a_failure_and_says_why(labeller, tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"body": "x"}])
    earlier = json.dumps(labeller.predict([BOAT])[0]) + "\n"
    (tmp_path / "o.jsonl").write_text(earlier)
    with pytest.raises(SahelclfError, match="no row could be labelled; .*no 'text'") as caught:
        run(labeller, tmp_path / "a.jsonl", tmp_path / "o.jsonl")
    assert caught.value.exit_code == 1
    assert (tmp_path / "o.jsonl").read_text() == earlier
    assert (tmp_path / "o.jsonl.rejects.jsonl").exists()


def test_an_unknown_output_form_is_refused_before_any_work(labeller, tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": "x"}])
    with pytest.raises(RequestError, match=r"unknown form '.docx'; expected .jsonl"):
        run(labeller, tmp_path / "a.jsonl", tmp_path / "o.docx")
    with pytest.raises(RequestError, match="its folder does not exist"):
        run(labeller, tmp_path / "a.jsonl", tmp_path / "no" / "o.csv")
    with pytest.raises(RequestError, match="it is the input too"):
        run(labeller, tmp_path / "a.jsonl", tmp_path / "a.jsonl")


def test_whole_articles_as_passages_are_warned_of(labeller, tmp_path, messages):
    write_lines(tmp_path / "a.jsonl", [{"text": "word " * 400}] * 3)
    run(labeller, tmp_path / "a.jsonl", tmp_path / "o.jsonl")
    assert "use --unit document" in messages.text


FRENCH = (
    "Le gouvernement a annoncé hier soir que les frontières resteraient fermées "
    "jusqu'à nouvel ordre."
)


def test_rows_in_another_language_are_rejected_and_counted(labeller, tmp_path, messages):
    write_lines(tmp_path / "a.jsonl", [{"id": "f", "text": FRENCH}, {"id": "e", "text": BOAT}])
    summary = run(labeller, tmp_path / "a.jsonl", tmp_path / "o.jsonl")
    assert [json.loads(line)["id"] for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [
        "e"
    ]
    reject = json.loads((tmp_path / "o.jsonl.rejects.jsonl").read_text())
    assert (reject["id"], reject["reason"]) == (
        "f",
        "language: fr; the model was trained on en; --any-language labels it anyway",
    )
    assert (summary.labelled, summary.rejected, summary.foreign) == (1, 1, {"fr": 1})
    assert "1 of them in languages that the model was not trained on (fr 1)" in messages.text


def test_any_language_labels_them_and_warns(labeller, tmp_path, messages):
    write_lines(tmp_path / "a.jsonl", [{"text": FRENCH}])
    predict(
        labeller,
        open_source(str(tmp_path / "a.jsonl"), None, Columns()),
        tmp_path / "o.jsonl",
        Options(any_language=True),
    )
    assert json.loads((tmp_path / "o.jsonl").read_text())["language"] == "fr"
    assert (
        "1 row in languages that the model was not trained on, it seems (fr 1); do not trust"
        in messages.text
    )


def test_a_document_in_another_language_is_rejected_as_a_whole(labeller, tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text(
        "\n\n".join([FRENCH, FRENCH.upper(), "A line in English stands here."])
    )
    (tmp_path / "in" / "b.txt").write_text(
        "\n\n".join([f"{BOAT}.", f"{RAIN}.", "Ils ont dit: tout va bien au port."])
    )
    run(labeller, tmp_path / "in", tmp_path / "o.jsonl")
    assert [json.loads(line)["id"] for line in (tmp_path / "o.jsonl").read_text().splitlines()] == [
        "b.txt"
    ]
    assert "language: fr" in (tmp_path / "o.jsonl.rejects.jsonl").read_text()


def test_a_full_disk_is_told_and_leaves_nothing(labeller, tmp_path):
    write_lines(tmp_path / "a.jsonl", [{"text": f"{BOAT} number {i}"} for i in range(3000)])
    labeller.predict([BOAT])  # the language model unpacks itself into a file, once
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, hard))
    try:
        for name in ("o.jsonl", "o.csv.gz", "o.parquet"):
            with pytest.raises(
                SahelclfError, match="File too large; nothing half-written was left there"
            ):
                run(labeller, tmp_path / "a.jsonl", tmp_path / name)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, hard))
    assert [p.name for p in tmp_path.iterdir()] == ["a.jsonl"]


def test_memory_does_not_grow_with_the_rows(labeller, tmp_path):
    def peak(n):
        with (tmp_path / "a.jsonl").open("w") as stream:
            for i in range(n):
                stream.write(
                    json.dumps({"text": f"{BOAT} number {i} of a town called x{i * 7919 % 100003}"})
                    + "\n"
                )
        run(labeller, tmp_path / "a.jsonl", tmp_path / "o.jsonl")
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    first = peak(4_000)
    assert peak(24_000) < first + 40


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    raw=st.binary(max_size=300),
    kind=st.sampled_from(
        [".jsonl", ".csv", ".tsv", ".txt", ".html", ".parquet", ".jsonl.gz", ".csv.zst"]
    ),
)
def test_any_bytes_in_any_form_are_items_rejects_or_a_refusal(tmp_path_factory, raw, kind):
    path = tmp_path_factory.mktemp("f") / f"x{kind}"
    path.write_bytes(raw)
    try:
        found = items(path)
    except RequestError:
        return
    assert all(isinstance(f, Item | Reject) for f in found)


def test_language_of_too_little_text_is_left_open(labeller):
    assert labeller.predict(["Ok 12"])[0]["language"] == "und"


def test_the_flat_frame_of_python_users(labeller):
    frame = labeller.frame([BOAT, RAIN])
    assert len(frame) == 2
    assert frame["fishing_holds"].tolist() == [True, False]


def test_fast_is_refused_for_what_has_no_eight_bit_graph(bundle):
    with pytest.raises(
        RequestError, match="--fast is for transformers, and this labeller is 'tfidf'"
    ):
        Labeller.load(bundle, fast=True)


def test_near_copies_are_named_in_every_form(labeller, tmp_path, messages):
    rows = [
        {"id": "a", "text": BOAT},
        {"id": "b", "text": RAIN, "duplicate_of": "mine"},
        {"id": "c", "text": f"{BOAT.upper()}."},
    ]
    write_lines(tmp_path / "in.jsonl", rows)
    source = open_source(str(tmp_path / "in.jsonl"), None, Columns())
    lines = predict(labeller, source, None, Options(duplicates=True)).rows
    assert [r["duplicate_of"] for r in lines] == [None, None, "a"]
    assert lines[1]["input_duplicate_of"] == "mine"
    assert "1 near-duplicate of an earlier row" in messages.text
    predict(labeller, source, tmp_path / "o.parquet", Options(duplicates=True))
    flat = pd.read_parquet(tmp_path / "o.parquet")
    assert flat.columns.tolist()[-3:] == ["dredging_con", "duplicate_of", "input_duplicate_of"]
    assert flat["duplicate_of"].dropna().tolist() == ["a"]
    predict(labeller, source, tmp_path / "plain.csv")
    assert "duplicate_of" not in pd.read_csv(tmp_path / "plain.csv").columns


def test_documents_that_copy_another_are_named(labeller, tmp_path):
    (tmp_path / "in").mkdir()
    for name, text in (("a", BOAT), ("b", RAIN), ("c", BOAT)):
        (tmp_path / "in" / f"{name}.txt").write_text(
            f"{text}.\n\n{text} again, and once more for the second paragraph."
        )
    predict(
        labeller,
        open_source(str(tmp_path / "in"), None, Columns()),
        tmp_path / "o.jsonl",
        Options(duplicates=True),
    )
    rows = [json.loads(line) for line in (tmp_path / "o.jsonl").read_text().splitlines()]
    assert {r["id"]: r["duplicate_of"] for r in rows} == {
        "a.txt": None,
        "b.txt": None,
        "c.txt": "a.txt",
    }


def test_pages_read_together_are_labelled_as_each_alone(labeller):
    texts = [f"{BOAT}.", f"{RAIN}.\n\n{BOAT}.\n\n{RAIN}.", f"{RAIN}."]
    pages = [page_of(t, None) for t in texts]
    assert labeller.predict_pages(pages, list("abc")) == [
        labeller.predict_pages([p], [i])[0] for p, i in zip(pages, "abc", strict=True)
    ]
    assert labeller.predict_pages([], []) == []
