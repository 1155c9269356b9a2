"""The intake report of docs/predict.md is that of a folder with the faults that the page names."""

import gzip
import json
import re
from pathlib import Path

from sahelclf.workflows.predict import check_file

PAGE = (Path(__file__).parents[2] / "docs" / "predict.md").read_text(encoding="utf-8")
TEXT = "The foreign minister received envoys of the bloc on Monday for talks on sanctions, part {}."


def rows(*numbers: int, form: str) -> str:
    return "".join(form.format(n, TEXT.format(n)) + "\n" for n in numbers)


def write_folder(folder: Path) -> None:
    """Tables, and files that are not read."""
    (folder / ".ipynb_checkpoints").mkdir(parents=True)
    (folder / ".ipynb_checkpoints" / "2021-checkpoint.csv").write_text("id,text\n1,x\n")
    (folder / "report.pdf").write_bytes(b"%PDF-1.4")
    (folder / "memo.docx").write_bytes(b"PK\3\4word/")
    of_r = '"id";"text"\n' + rows(*range(1, 41), form='"{}";"{} Café."')
    (folder / "2021.csv").write_text(of_r, encoding="cp1252")
    tsv = "id\ttext\n" + rows(*range(39, 43), form="{}\t{}") + rows(43, form='{}\t"{}')
    tsv += rows(*range(44, 58), form="{}\t{}") + rows(58, form='{}\t{}"') + rows(59, form="{}\t{}")
    (folder / "2022.tsv").write_text(tsv)
    missing = "id,text,date\n" + rows(101, form='{},"{}",2023-01-01') + "102,NA,2023-01-01\n"
    missing += rows(103, form=',"{1}",NULL') + "104,,2023-01-01\n"
    (folder / "2023.csv").write_text(missing)
    cut = gzip.compress(("id,text\n" + rows(*range(201, 400), form='{},"{}"')).encode(), 0, mtime=0)
    (folder / "2024.csv.gz").write_bytes(cut[: len(cut) // 2])
    items = [{"id": f"j{n}", "text": TEXT.format(n), "title": "[removed]"} for n in range(5)]
    (folder / "items.json").write_text(json.dumps(items))


def test_the_intake_report_is_what_the_command_prints(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_folder(tmp_path / "articles")
    command = "$ python -m sahelclf predict --check articles\n"
    (shown,) = re.findall(rf"{re.escape(command)}(.*?)```", PAGE, re.DOTALL)
    assert "\n".join(check_file("articles").lines()) + "\n" == shown
