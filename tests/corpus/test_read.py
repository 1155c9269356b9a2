import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sahelclf.corpus.jsonl import MAX_LINE_BYTES, parse_line, read_lines
from sahelclf.corpus.read import read_adjudications, read_annotations, read_corpus
from sahelclf.errors import CorpusError
from support import write_corpus


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "c", 6)


def edit(path, line, **changes):
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[line - 1] = json.dumps({**json.loads(lines[line - 1]), **changes})
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def refused(root, *messages):
    with pytest.raises(CorpusError) as caught:
        read_corpus(root)
    for message in messages:
        assert message in str(caught.value)


def test_a_document_is_its_passages_in_order_joined_by_blank_lines(corpus):
    read = read_corpus(corpus)
    texts = [p.text for p in read.passages if p.document_id == "h001"]
    assert read.text_of("h001") == "\n\n".join(texts)
    assert len(read.sha256) == 64


def test_a_label_outside_the_codebook_is_refused_with_file_and_line(corpus):
    edit(corpus / "passages.jsonl", 4, topics={"sailing": {"stance": "pro"}})
    refused(
        corpus,
        "passages.jsonl:4: topic 'sailing' is not in codebook 0.3; "
        "expected one of ['fishing', 'dredging']",
    )


def test_stance_basis_and_parties_are_checked(corpus):
    edit(corpus / "passages.jsonl", 1, topics={"fishing": {"stance": "maybe"}})
    edit(corpus / "passages.jsonl", 2, topics={"fishing": {"stance": "pro", "basis": "guessed"}})
    edit(corpus / "passages.jsonl", 3, topics={"fishing": {"stance": "pro", "parties": ["port"]}})
    edit(
        corpus / "passages.jsonl", 4, topics={"dredging": {"stance": "pro", "parties": ["pirates"]}}
    )
    refused(
        corpus,
        ":1: fishing: stance 'maybe'",
        ":2: fishing: basis 'guessed'",
        ":3: fishing: parties ['port'], but the topic takes none",
        ":4: dredging: parties ['pirates']",
    )


def test_a_passage_without_its_document_and_doubled_ids_are_refused_together(corpus):
    edit(corpus / "passages.jsonl", 2, document_id="nowhere")
    edit(corpus / "passages.jsonl", 3, id="h000-0")
    edit(corpus / "documents.jsonl", 2, id="h000")
    refused(
        corpus,
        "passages.jsonl:2: document_id: 'nowhere' is not in documents.jsonl",
        "passages.jsonl:3: 'h000-0' is at",
        "documents.jsonl:2: 'h000' is at",
    )


def test_an_unknown_field_and_a_missing_one_are_refused(corpus):
    edit(corpus / "passages.jsonl", 1, txt="x")
    edit(corpus / "passages.jsonl", 2, text="")
    edit(corpus / "passages.jsonl", 3, index="0")
    refused(
        corpus,
        ":1: txt: Extra inputs",
        ":2: text: String should have at least 1 character",
        ":3: index: Input should be a valid integer, found '0'",
    )


def test_an_empty_or_missing_file_is_refused(corpus):
    (corpus / "passages.jsonl").write_text("")
    refused(corpus, "passages.jsonl: empty; expected one JSON object a line")
    (corpus / "passages.jsonl").unlink()
    refused(corpus, "passages.jsonl: no such file")
    refused(corpus / "nowhere", "no such folder")


def test_nul_bytes_other_encodings_and_half_lines_are_named_by_line(corpus):
    path = corpus / "passages.jsonl"
    good = path.read_bytes().splitlines()
    path.write_bytes(
        b"\n".join(
            [b'{"id": "x\x00"}', '{"id": "café"}'.encode("latin-1"), b'{"id": ', b"[1]", *good]
        )
    )
    refused(
        corpus,
        ":1: a NUL byte at position",
        ":2: not UTF-8: byte 0xe9",
        ":3: not JSON",
        ":4: expected a JSON object",
    )


def test_a_line_of_fifty_megabytes_is_refused_without_being_read_whole(tmp_path):
    path = tmp_path / "long.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"text": "' + b"x" * 50_000_000 + b'"}\n{"text": "short"}\n')
    with path.open("rb") as stream:
        first, second = list(read_lines(stream))
    assert first.record is None
    assert "a line of 50.0 MB; a record has at most 10 MB" in first.problem
    assert second == (2, {"text": "short"}, None)


def test_annotations_of_unknown_units_are_refused(corpus):
    read = read_corpus(corpus)
    edit(corpus / "raw" / "a.jsonl", 1, unit="h999")
    with pytest.raises(
        CorpusError, match=r"a.jsonl:1: unit: 'h999' is neither a passage nor a document"
    ):
        read_annotations(read)
    assert read_adjudications(read) == []


def test_problems_beyond_fifty_are_counted(corpus):
    (corpus / "passages.jsonl").write_text("x\n" * 80)
    refused(corpus, "… and 30 more problems")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_problem(raw):
    record, problem = parse_line(raw)
    assert (record is None) != (problem is None)


@given(
    st.lists(
        st.dictionaries(
            st.text(max_size=5), st.text(max_size=20).filter(lambda t: "\x00" not in t), max_size=3
        ),
        max_size=5,
    )
)
def test_records_come_back_as_they_were_written(records):
    records = [r for r in records if not any("\x00" in k for k in r)]
    lines = "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records)
    assert [line.record for line in read_lines(io.BytesIO(lines.encode()))] == records


def test_a_duplicated_key_is_refused():
    assert parse_line(b'{"a": 1, "a": 2}') == (None, "not JSON: the key 'a' is duplicated")


def test_half_a_surrogate_pair_is_refused():
    assert "surrogate" in parse_line(b'{"a": "\\ud83d"}')[1]


def test_the_length_limit_counts_the_line_end():
    raw = b'{"a": "' + b"x" * (MAX_LINE_BYTES - 9) + b'"}'
    assert len(raw) == MAX_LINE_BYTES
    assert next(iter(read_lines(io.BytesIO(raw + b"\n")))).problem is None


@pytest.mark.parametrize("date", ["2023-02-30", "2023-13", "0000"])
def test_a_date_that_no_calendar_has_is_refused(corpus, date):
    edit(corpus / "documents.jsonl", 2, date=date)
    refused(
        corpus,
        f"documents.jsonl:2: date: found '{date}', which no calendar has; expected YYYY, YYYY-MM",
    )


@pytest.mark.parametrize("date", ["2023", "2023-02", "2024-02-29"])
def test_dates_of_a_year_a_month_or_a_day_are_read(corpus, date):
    edit(corpus / "documents.jsonl", 2, date=date)
    assert read_corpus(corpus).documents[1].date == date


def test_a_country_that_the_codebook_does_not_list_is_refused(corpus):
    with (corpus / "codebook.yaml").open("a") as stream:
        stream.write("countries: [Chad, Mali]\n")
    edit(corpus / "documents.jsonl", 2, countries=["Chadd", "Mali"])
    refused(
        corpus,
        "documents.jsonl:2: countries: found 'Chadd', which is not among the countries of "
        "codebook.yaml; did you mean 'Chad'?",
    )
