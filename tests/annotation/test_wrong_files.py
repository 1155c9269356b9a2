"""Files that come twice, belong to another batch, or are cut off: one problem each."""

import json
import re

import pytest

from annotation.batches import make_batch
from sahelclf.annotation import page, sheet
from sahelclf.annotation.units import unit_check
from sahelclf.errors import RequestError
from sahelclf.workflows.annotate import annotate_import


def sheet_of(root, ids):
    """A batch, and its sheet with the answer favor to everything."""
    units = [{"unit": u, "check": unit_check(u, 0.5, "", f"Text of {u}.")} for u in ids]
    batch = make_batch(root, units, annotators=["anna"])
    (path,) = sheet.write(batch)
    text = path.read_text("utf-8-sig")
    path.write_text(re.sub(r",,$", ",favor,favor", text, flags=re.M), "utf-8", newline="")
    return batch, path


def refused(batch, *files):
    with pytest.raises(RequestError) as caught:
        annotate_import(batch.root, files, batch.root.parent / "c")
    return caught.value.problems


def test_a_file_that_comes_twice_is_one_problem(tmp_path):
    batch, path = sheet_of(tmp_path / "b", ["u1", "u2", "u3"])
    again = tmp_path / "sheet-anna.csv"
    again.write_bytes(path.read_bytes())
    same = f"the same file as {path}, or the same answers; import one of them"
    assert refused(batch, path, again) == (f"{again}: {same}",)
    again.write_text(again.read_text("utf-8").replace("favor,favor", "no,no", 1), "utf-8")
    (problem,) = refused(batch, path, again)
    assert "answers 3 units that" in problem


def test_a_sheet_of_another_batch_is_one_problem_and_a_single_unit_is_named(tmp_path):
    batch, path = sheet_of(tmp_path / "b", ["u1", "u2", "u3"])
    _, other = sheet_of(tmp_path / "other", ["u1", "x2", "x3"])
    assert refused(batch, other) == (
        f"{other}: a sheet of another batch (2 of 3 units are not in {batch.root})",
    )
    _, one = sheet_of(tmp_path / "one", ["u1", "u2", "x3"])
    assert refused(batch, one) == (
        f"{one}: row 5: unit: 'x3' is not in {batch.root / 'units.jsonl'}",
    )
    path.write_text(path.read_text("utf-8").replace("Text", "A text"), "utf-8")
    (problem,) = refused(batch, path)
    assert "or its texts were changed (3 of 3 units are not as" in problem


def test_a_file_that_ends_in_the_middle_is_named_so(tmp_path):
    batch, path = sheet_of(tmp_path / "b", ["u1", "u2"])
    content = path.read_bytes()
    path.write_bytes(content[: content.rindex(b"Text of u2")])
    assert refused(batch, path) == (
        f"{path}: row 4: the file ends in the middle of this row; save it again",
    )
    path.write_bytes(content[: content.rindex(b"Text of u2")] + b'"Text')
    (problem,) = refused(batch, path)
    assert "the file ends in the middle of a row" in problem
    book = path.rename(tmp_path / "sheet-anna.xlsx")
    (problem,) = refused(batch, book)
    assert problem.startswith(f"{book}: not a workbook, or cut off: File is not a zip file")
    row = {"batch": page.batch_id(batch), "annotator": "anna", "unit": "u1", "check": "k"}
    saved = tmp_path / "answers-anna.jsonl"
    saved.write_text(f"{json.dumps(row | {'skipped': 'x'})}\n{json.dumps(row)[:-9]}", "utf-8")
    cut = "the file ends in the middle of line 2"
    assert refused(batch, saved) == (f"{saved}:2: {cut}; save it again",)
    saved.write_text(json.dumps(row)[:-9], "utf-8")
    assert "found no whole record (is the file empty, or cut off?)" in refused(batch, saved)[0]
    doccano = {"unit": "u1", "text": "Text of u1.", "label": []}
    export = tmp_path / "anna.jsonl"
    export.write_text(f"{json.dumps(doccano)}\n{json.dumps(doccano)[:-1]}", "utf-8")
    assert refused(batch, export) == (f"{export}:2: {cut}; export it again",)
