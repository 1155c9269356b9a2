"""What goes out: strict JSON, free names, no file of others replaced, workbooks and pages."""

import json
import re

import openpyxl
import pandas as pd
import pytest

import sahelclf
from sahelclf.cli.console import unit_printer
from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import read_table
from sahelclf.predict.layout import json_line
from support import sahelclf as command
from support import write_lines

BOAT = "The boat crews landed a catch and residents welcomed it and praised the plan"
RAIN = "The choir sang in the church while rain fell on the market"
FORMS = ("o.jsonl", "o.csv", "o.parquet", "o.xlsx", "o.html", "o.csv.gz")


@pytest.fixture
def rows(tmp_path):
    texts = [BOAT, RAIN, "=SUM(A1:A9) " + BOAT]
    records = [{"id": f"0{n}", "text": t, "stories": "mine"} for n, t in enumerate(texts)]
    write_lines(tmp_path / "in.jsonl", records)
    return tmp_path / "in.jsonl"


def test_lines_are_strict_json():
    value = {"a": float("nan"), "b": [float("inf")], "c": 2**70, "d": {1, 2}, "e": "é"}
    line = json_line(value).decode()
    strict = json.loads(line, parse_constant=pytest.fail)
    assert strict == {"a": None, "b": [None], "c": 2**70, "d": "{1, 2}", "e": "é"}
    assert json.loads(json_line({"a": float("nan")})) == {"a": None}


@pytest.mark.parametrize("name", FORMS)
def test_the_same_command_writes_again_and_nothing_else_is_replaced(bundle, rows, tmp_path, name):
    out = tmp_path / name
    sahelclf.predict_file(bundle, rows, out)
    sahelclf.predict_file(bundle, rows, out)
    for work in (
        b"id,check,text,fishing\n1,a,b,no\n",
        b'{"id": 1, "topics": {}, "mine": 1}\n',
        b"x",
    ):
        out.write_bytes(work)
        with pytest.raises(RequestError, match="exists already and is not what this command"):
            sahelclf.predict_file(bundle, rows, out)
        assert out.read_bytes() == work
    assert sahelclf.predict_file(bundle, rows, out, overwrite=True).labelled == 3
    assert out.read_bytes() != work


@pytest.mark.parametrize("name", ["o.jsonl", "o.csv", "o.parquet", "o.csv.gz"])
def test_an_output_with_other_columns_of_the_input_is_written_again(bundle, tmp_path, name):
    for column in ("event country", "country-code"):
        write_lines(tmp_path / "in.jsonl", [{"id": "1", "text": BOAT, column: "Niger"}])
        sahelclf.predict_file(bundle, tmp_path / "in.jsonl", tmp_path / name)
        columns = read_table(tmp_path / name).columns
        assert [c for c in columns if "country" in c] == [column]


def test_a_table_to_which_somebody_added_a_column_is_not_replaced(bundle, rows, tmp_path):
    out = tmp_path / "o.csv"
    sahelclf.predict_file(bundle, rows, out)
    pd.read_csv(out).assign(mine=1).to_csv(out, index=False)
    with pytest.raises(RequestError, match="exists already"):
        sahelclf.predict_file(bundle, rows, out)


def test_rejects_and_folders_of_others_are_not_replaced(bundle, rows, tmp_path):
    (tmp_path / "o.csv.rejects.jsonl").write_text("mine\n")
    with pytest.raises(RequestError, match=r"o.csv.rejects.jsonl: exists already"):
        sahelclf.predict_file(bundle, rows, tmp_path / "o.csv")
    (tmp_path / "p.csv.part").mkdir()
    (tmp_path / "p.csv.part" / "mine").write_text("x")
    with pytest.raises(RequestError, match="contains files that sahelclf did not write"):
        sahelclf.predict_file(bundle, rows, tmp_path / "p.csv")
    assert (tmp_path / "p.csv.part" / "mine").exists()


def test_a_workbook_holds_texts_as_texts(bundle, rows, tmp_path, caplog):
    write_lines(
        rows, [{"id": "=1+1", "text": f"{BOAT} \x0b{'long ' * 8000}"}, {"id": "-2", "text": RAIN}]
    )
    sahelclf.predict_file(bundle, rows, tmp_path / "o.xlsx", with_text=True)
    sheet = openpyxl.load_workbook(tmp_path / "o.xlsx").active
    header, first, second = sheet.iter_rows()
    assert sheet.freeze_panes == "B2"  # ids and names stay in view
    assert [c.value for c in header][:4] == ["id", "unit", "passage", "language"]
    assert (first[0].value, first[0].data_type) == ("=1+1", "s")
    assert second[0].value == "-2"
    text = first[[c.value for c in header].index("text")].value
    assert len(text) == 32_767
    assert text.endswith("…")
    assert "\ufffd" in text
    assert "1 texts are longer than a cell of Excel holds" in caplog.text
    assert "1 control characters" in caplog.text
    frame = pd.read_excel(tmp_path / "o.xlsx")
    assert frame["fishing_holds"].tolist() == [True, False]


def test_a_page_is_complete_and_escaped(bundle, tmp_path):
    (tmp_path / "in").mkdir()
    text = f"<script>alert(1)</script> & {BOAT}.\n\n{RAIN}."
    (tmp_path / "in" / "a<b>.txt").write_text(text)
    (tmp_path / "in" / "c.txt").write_text(f"{RAIN}.")
    sahelclf.predict_file(bundle, tmp_path / "in", tmp_path / "o.html")
    page = (tmp_path / "o.html").read_text()
    assert page.count("<article>") == 2
    assert "<script" not in page
    assert "a&lt;b&gt;.txt" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; The boat" in page
    assert "evidence of fishing" in page
    assert "no topic holds" in page
    assert "default-src &#39;none&#39;" in page or "default-src 'none'" in page
    assert not re.search(r"(src|href)=", page)


def test_texts_and_evidence_go_into_tables_on_request(bundle, rows, tmp_path):
    sahelclf.predict_file(bundle, rows, tmp_path / "o.parquet", with_text=True)
    frame = pd.read_parquet(tmp_path / "o.parquet")
    assert frame["text"].tolist()[:2] == [BOAT, RAIN]
    assert frame["input_stories"].tolist() == ["mine"] * 3
    (tmp_path / "a.txt").write_text(f"{RAIN}.\n\n{BOAT}.")
    sahelclf.predict_file(bundle, tmp_path / "a.txt", tmp_path / "o.csv", with_text=True)
    frame = pd.read_csv(tmp_path / "o.csv")
    assert frame["text"].tolist() == [f"{RAIN}.\n\n{BOAT}.", f"{RAIN}.", f"{BOAT}."]
    assert frame["fishing_evidence"].dropna().tolist() == [f"{BOAT}."]
    assert frame["dredging_evidence"].dropna().tolist() == []


def test_columns_of_different_rows_never_share_a_name(bundle, tmp_path):
    records = [{"text": BOAT, "unit": "u"}, {"text": RAIN, "unit": "v", "input_unit": "w", "": 1}]
    write_lines(tmp_path / "in.jsonl", records)
    first, second = sahelclf.predict_file(bundle, tmp_path / "in.jsonl").rows
    assert (first["input_unit"], second["input_unit"]) == ("u", "v")
    assert (second["input_input_unit"], second["input_"]) == ("w", 1)


def test_python_users_get_the_rows_and_a_summary(bundle, rows):
    summary = sahelclf.predict_file(bundle, rows)
    assert [r["id"] for r in summary.rows] == ["00", "01", "02"]
    assert (summary.labelled, summary.rejected, summary.unread) == (3, 0, [])
    assert summary.holds["fishing"] == 2


def test_a_terminal_shows_topics_and_the_text_that_shows_them(bundle, rows, capsys):
    sahelclf.predict_file(bundle, rows, sink=unit_printer(), with_text=True)
    out = capsys.readouterr().out
    assert "00  (en)" in out
    assert "01  (en): no topic holds" in out
    line = next(line for line in out.splitlines() if line.startswith("fishing"))
    assert "pro" in line
    assert f"“{BOAT}”" in out


def test_the_command_reports_what_it_could_not_read_by_its_exit_code(bundle, tmp_path):
    (tmp_path / "a.csv").write_text(f'id,text\n1,"{BOAT}"\n2,"open\n3,"{RAIN}"\n')
    done = command("predict", str(bundle), "a.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "warning: NOT READ TO THE END: a.csv:3" in done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["1"]
    done = command("predict", "--check", "a.csv", cwd=tmp_path)
    assert done.returncode == 1
    assert "a.csv: .csv; utf-8, comma, quoting quotes" in done.stdout
    assert "not read to the end: 1 file" in done.stdout
