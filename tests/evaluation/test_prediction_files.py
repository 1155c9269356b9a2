"""One reader of predictions tables: every form gives the same labels."""

import gzip
import json

import numpy as np
import pandas as pd
import pytest

from sahelclf.errors import RequestError
from sahelclf.evaluation.prediction_files import read_table
from sahelclf.evaluation.prediction_tables import parse_labels
from sahelclf.evaluation.predictions import Names

NAMES = Names(("t", "u"), ("pro", "con"))
ROWS = [
    {
        "id": id_,
        "t_probability": p,
        "t_holds": p > 0.5,
        "t_stance": "con" if p > 0.5 else "",
        "t_pro": 0.25,
        "t_con": 0.75,
        "u_probability": 0.125,
        "u_holds": False,
        "u_stance": "",
        "u_pro": 0.5,
        "u_con": 0.5,
    }
    for id_, p in (("0012", 0.75), ("12 ", 0.25), ("ID\u00a0", 0.875))
]
FRAME = pd.DataFrame(ROWS)


def write_jsonl(path):
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")


def write_predict_rows(path):
    """As `predict` writes them."""
    lines = []
    for row in ROWS:
        topics = {
            t: {
                "probability": row[f"{t}_probability"],
                "holds": row[f"{t}_holds"],
                "stance": row[f"{t}_stance"] or None,
                "stance_probability": {s: row[f"{t}_{s}"] for s in NAMES.stances},
            }
            for t in NAMES.topics
        }
        lines.append(json.dumps({"id": row["id"], "unit": "passage", "topics": topics}))
    path.write_text("\n".join(lines), encoding="utf-8")


def write_sep_line(path):
    path.write_text("sep=;\n" + FRAME.to_csv(index=False, sep=";", decimal=","), encoding="utf-8")


def write_gzip(path):
    path.write_bytes(gzip.compress(FRAME.to_csv(index=False).encode()))


FORMS = {
    "commas.csv": lambda path: FRAME.to_csv(path, index=False),
    "bom.csv": lambda path: FRAME.to_csv(path, index=False, encoding="utf-8-sig"),
    "utf16.csv": lambda path: FRAME.to_csv(path, index=False, encoding="utf-16", sep="\t"),
    "semicolons.csv": lambda path: FRAME.to_csv(path, index=False, sep=";", decimal=","),
    "bars.csv": lambda path: FRAME.to_csv(path, index=False, sep="|"),
    "tabs.tsv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "tabs.csv": lambda path: FRAME.to_csv(path, index=False, sep="\t"),
    "sep.csv": write_sep_line,
    "table.parquet": lambda path: FRAME.to_parquet(path, index=False),
    "flat.jsonl": write_jsonl,
    "rows.jsonl": write_predict_rows,
    "table.csv.gz": write_gzip,
    "table.csv.zst": lambda path: FRAME.to_csv(path, index=False, compression="zstd"),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_labels(name, tmp_path):
    FORMS[name](tmp_path / name)
    table = read_table(tmp_path / name)
    assert table["id"].tolist() == ["0012", "12 ", "ID\u00a0"]
    labels = parse_labels(table, NAMES, name)
    assert labels.holds.tolist() == [[True, False], [False, False], [True, False]]
    assert labels.probability.tolist() == [[0.75, 0.125], [0.25, 0.125], [0.875, 0.125]]
    assert labels.stance.tolist() == [[1, 0], [1, 0], [1, 0]]
    assert labels.stance_probability[:, 0].tolist() == [[0.25, 0.75]] * 3


def change(**cells):
    rows = [dict(row) for row in ROWS]
    rows[1] |= cells
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"t_probability": 1.5}, r"column t_probability: found 1.5; expected a probability"),
        ({"t_probability": "much"}, "column t_probability: found 'much'"),
        ({"t_holds": "perhaps"}, "column t_holds: found 'perhaps'; expected true or false"),
        ({"t_holds": True, "t_stance": "maybe"}, "column t_stance: found 'maybe'; expected one of"),
        ({"t_stance": "pro"}, "column t_stance: found 'pro'; expected the stance of the highest"),
        ({"id": "0012"}, "column id: found '0012'; expected an id that no other row has"),
        ({"id": " "}, "column id: found ' '; expected an id"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(cells, message):
    with pytest.raises(RequestError, match=rf"^table: row 2 \(id '.*'\), {message}"):
        parse_labels(read_table(change(**cells)), NAMES, "table")


@pytest.mark.parametrize("missing", ["", "NA", "NaN", None, np.nan])
def test_a_missing_probability_is_that_of_the_decision(missing):
    labels = parse_labels(read_table(change(t_probability=missing, t_pro=missing)), NAMES, "table")
    assert labels.probability[1, 0] == 0
    assert labels.stance_probability[1, 0].tolist() == [0, 0]
    assert labels.stance[1, 0] == -1


def test_blanks_around_stances_and_truth_values_are_ignored():
    frame = change(t_holds=" TRUE ", t_stance=" con ", t_probability=" 0.75 ")
    labels = parse_labels(read_table(frame), NAMES, "table")
    assert (labels.holds[1, 0], labels.probability[1, 0], labels.stance[1, 0]) == (True, 0.75, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,t_holds,t_holds\n1,0,0\n", r"row 1: the header has \['t_holds'\] twice"),
        ("id,t_holds\n1,0,0,0\n2,0,0,0\n", "not readable as .csv"),
        ("id,t_holds\n1,0\n2,0,3\n", "not readable as .csv"),
        ('id,t_holds\n1,"0\n', "not readable as .csv"),
        ("id,t_holds\n", "empty; expected one row a unit"),
        ("id,t_holds,u_holds\n1,1,0\n", "no column t_stance; found"),
        ("id,t_holds\n1,0\n", "no column u_holds; found"),
    ],
)
def test_a_table_of_another_shape_is_refused(text, message, tmp_path):
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(RequestError, match=message):
        parse_labels(read_table(tmp_path / "x.csv"), NAMES, "x.csv")


def test_passages_of_a_document_are_left_out_in_every_form(tmp_path):
    frame = FRAME.assign(unit=["document", "passage", "passage"], passage=["", "", "0"])
    frame.to_csv(tmp_path / "x.csv", index=False)
    assert read_table(tmp_path / "x.csv")["id"].tolist() == ["0012", "12 "]
    assert read_table(frame.assign(passage=[None, None, 0.0]))["id"].tolist() == ["0012", "12 "]


def test_a_table_without_stances_has_topics_alone():
    table = read_table(pd.DataFrame({"id": ["1", "2"], "t_holds": [1, 0], "u_holds": [0, 0]}))
    labels = parse_labels(table, Names(("t", "u"), ()), "table")
    assert labels.holds.tolist() == [[True, False], [False, False]]
    assert labels.stance_probability.shape == (2, 2, 0)
    assert (labels.stance == -1).all()
