"""A user's collection is sampled, coded, scored and measured: files, refusals, messages."""

import csv
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sahelclf.annotation import sheet
from sahelclf.annotation.coded import read_codes
from sahelclf.annotation.sampling import draw, probability_strata
from sahelclf.annotation.sheet import SAFE_ID
from sahelclf.cli import main
from sahelclf.cli.measure_tables import _cell, percent
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.evaluation.decide import labeller_names
from sahelclf.measurement.collection import cell_members, cross_cells, period, read_collection
from sahelclf.measurement.drift import drift
from sahelclf.measurement.estimators import Cells, Design, Outcome, Sample
from sahelclf.measurement.r_files import r_names, r_script, r_table
from sahelclf.measurement.study import build_study
from sahelclf.measurement.table import estimate_shares, required_codes
from sahelclf.workflows.measure import measure as sahelclf_measure
from support import batch_in, batch_unit

TOPICS, STANCES = ("fishing", "dredging"), ("pro", "con")
N = 400


@pytest.fixture(scope="module")
def book(harbour):
    return read_corpus(harbour).codebook


@pytest.fixture
def work(tmp_path, monkeypatch, harbour):
    """A collection of 400 texts, its predictions, and what holds of each."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    x = rng.normal(size=(N, 2))
    truth = rng.random((N, 2)) < 1 / (1 + np.exp(1 - 2 * x))
    p = 1 / (1 + np.exp(0.3 - 2 * x - rng.normal(size=(N, 2))))
    stance = rng.integers(2, size=(N, 2))
    rows, gold = [], {}
    for i in range(N):
        where = {
            "date": f"2023-{i % 4 + 1:02d}-10",
            "country": ["Mali", "Niger"][i % 2],
            "duplicate_of": f"a{i - 1}" if i % 10 == 9 else "",
        }
        row = {"id": f"a{i}"} | where
        for k, t in enumerate(TOPICS):
            row |= {
                f"{t}_probability": p[i, k],
                f"{t}_holds": "TRUE" if p[i, k] > 0.5 else "FALSE",
                f"{t}_stance": STANCES[stance[i, k]] if p[i, k] > 0.5 else "",
            }
            row |= {f"{t}_{s}": 0.8 if j == stance[i, k] else 0.2 for j, s in enumerate(STANCES)}
        rows.append(row)
        gold[f"a{i}"] = {
            t: STANCES[stance[i, k]] if truth[i, k] else "no" for k, t in enumerate(TOPICS)
        }
    pd.DataFrame(rows).to_csv("labels.csv", index=False)
    texts = [
        {
            "id": r["id"],
            "text": f"- the boat crews landed a catch of herring at the quay, item {r['id']}",
            "date": r["date"],
            "country": r["country"],
        }
        for r in rows
    ]
    (tmp_path / "texts.jsonl").write_text(
        "".join(json.dumps(t) + "\n" for t in texts), encoding="utf-8"
    )
    return tmp_path, gold


def fill(source, target, gold, *, delimiter=",", change=None):
    """Code the sheet as a person in a spreadsheet would; `change` edits the rows before saving."""
    with Path(source).open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.reader(stream))
    for row in rows[2:]:
        for t in TOPICS:
            row[rows[0].index(t)] = gold[row[0]][t]
    if change:
        change(rows)
    with Path(target).open("w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, delimiter=delimiter).writerows(rows)


def sampled(harbour, *options, n=120):
    shutil.rmtree("batch", ignore_errors=True)
    drawn = ["--corpus", str(harbour), "--n", str(n), "--to", "sheet", "-o", "batch", *options]
    code = main(["annotate", "sample", "texts.jsonl", *drawn])
    if code == 0:
        shutil.copyfile("batch/sheet.csv", "sheet.csv")
    return code


def test_from_a_collection_to_a_figure(work, harbour, capsys):
    folder, gold = work
    assert sampled(harbour, "--predictions", "labels.csv", "--by", "probability") == 0
    fill("sheet.csv", "filled.csv", gold)
    assert main(["evaluate", "labels.csv", "--gold", "filled.csv", "--corpus", str(harbour)]) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (scores["units"], scores["stands_for"]) == (120, N)
    assert (
        main(
            [
                "measure",
                "labels.csv",
                "--gold",
                "filled.csv",
                "--by",
                "quarter,country",
                "--corpus",
                str(harbour),
                "-o",
                "out",
            ]
        )
        == 0
    )
    said = capsys.readouterr()
    assert said.out == "out\n"
    assert "400 units, 120 coded by hand" in said.err
    names = {p.name for p in (folder / "out").iterdir()}
    assert {
        "shares.csv",
        "shares.parquet",
        "units_for_r.csv",
        "measure.R",
        "shares_by_country.png",
        "shares_by_quarter.pdf",
    } <= names
    table = pd.read_csv("out/shares.csv", keep_default_na=False, na_values={"share": [""]})
    assert len(table) == len(pd.read_parquet("out/shares.parquet"))
    true = np.mean([g["fishing"] != "no" for g in gold.values()])
    row = table[
        (table["by"] == "")
        & (table["measured"] == "topic")
        & (table["topic"] == "fishing")
        & (table["estimator"] == "dsl")
    ].iloc[0]
    assert float(row["low"]) < true < float(row["high"])
    assert float(row["count"]) == pytest.approx(row["share"] * N, rel=1e-4)
    naive = table[
        (table["by"] == "")
        & (table["measured"] == "topic")
        & (table["topic"] == "fishing")
        & (table["estimator"] == "naive")
    ].iloc[0]
    assert float(naive["share"]) == pytest.approx(
        (pd.read_csv("labels.csv")["fishing_holds"]).mean(), rel=1e-5
    )
    assert not main(["measure", "labels.csv", "--gold", "filled.csv", "--corpus", str(harbour)])
    assert capsys.readouterr().out.startswith(
        "by,measured,topic,stance,estimator,units,codes,positive_codes,more_codes,share"
    )


def test_scores_on_a_sheet_are_weighted_by_hand(book):
    from sahelclf.evaluation.predictions import Gold, Predictions
    from sahelclf.evaluation.weighted import weighted_report

    # topic one: a hit of weight 1, a miss of weight 3: F1 2 / (2 + 3) = .4; rows of another order
    # than the ids'
    topics = np.array([[True, False], [True, False]])
    gold = Gold(topics, np.where(topics, 0, -1))
    p = np.array([[0.2, 0.0], [0.9, 0.0]])
    said = Predictions(
        labeller_names(book), ("b", "a"), ("b", "a"), p, np.tile([1.0, 0.0], (2, 2, 1)), p > 0.5
    )
    found = weighted_report(said, gold, np.array([3.0, 1.0]))
    assert found.scores["topic/fishing/f1"] == pytest.approx(0.4, abs=1e-12)
    assert found.scores["topic/fishing/recall"] == pytest.approx(0.25, abs=1e-12)
    # bins: .2 is .8 short of 1, of weight 3; .9 is .1 short, of weight 1; two empty ones of
    # weight 4 are right: (2.4 + .1) / 8
    assert found.scores["calibration/ece"] == pytest.approx(2.5 / 8, abs=1e-12)


def test_strata_get_as_many_each_and_keep_their_chances():
    rows, chances = draw(["big"] * 90 + ["small"] * 4 + ["mid"] * 20, 24, seed=1)
    assert len(set(rows)) == 24
    sizes = [((rows >= a) & (rows < b)).sum() for a, b in ((0, 90), (90, 94), (94, 114))]
    assert sizes == [10, 4, 10]  # the small one whole, what it leaves shared by the two others
    assert np.sum(1 / chances) == pytest.approx(114)
    assert np.array_equal(draw(["a"] * 9, 4, 2)[0], draw(["a"] * 9, 4, 2)[0])
    with pytest.raises(RequestError, match="--n 5 for 3 strata; expected 6 or more"):
        draw(["a", "a", "b", "b", "c", "c"], 5, 0)


def test_every_unit_has_the_chance_that_is_written():
    strata = ["a"] * 3 + ["b"] * 12
    counts = np.zeros(15)
    for seed in range(2000):
        rows, chances = draw(strata, 6, seed)
        counts[rows] += 1
    expected = np.r_[np.full(3, 1.0), np.full(12, 3 / 12)]
    assert counts / 2000 == pytest.approx(expected, abs=0.05)
    assert dict(zip(rows, chances, strict=True)) == {r: pytest.approx(expected[r]) for r in rows}


def test_likely_positives_of_rare_topics_are_drawn_more_often():
    # the second topic is rare: its one likely unit scores the root of .1 / .1 + .9 / .09 = 11,
    # the others 1; of 12.32 in all, the first six
    # have their middle below half
    p = np.column_stack([np.full(10, 0.1), np.r_[np.zeros(9), 0.9]])
    strata = probability_strata(p, parts=2)
    assert [s.split()[1] for s in strata] == ["1"] * 6 + ["2"] * 4


def test_ids_that_a_spreadsheet_would_change_are_marked_and_come_back(tmp_path, book):
    ids = ["a1", "17", "0012", "2023-07", "1e5", "MAR1", "TRUE", "u:x", "12345678901234567"]
    assert [bool(SAFE_ID.fullmatch(i)) for i in ids] == [True, True, *[False] * 7]
    units = [
        batch_unit(i, "=SUM(A1) is a text\r\nof two lines", 0.012345678, "month 2023-07")
        for i in ids
    ]
    sheet.write(batch_in(tmp_path, book, units))
    codes = {f"{'' if SAFE_ID.fullmatch(i) else 'u:'}{i}": dict.fromkeys(TOPICS, "no") for i in ids}

    def with_decimal_commas(rows):
        for row in rows[2:]:
            row[2] = row[2].replace(".", ",")

    fill(
        tmp_path / "sheet.csv", tmp_path / "f.csv", codes, delimiter=";", change=with_decimal_commas
    )
    coded = read_codes(tmp_path / "f.csv", book)
    assert list(coded.ids) == ids
    assert coded.probability[0] == 0.0123457
    assert (tmp_path / "sheet.csv").read_text(encoding="utf-8-sig").count(", =SUM") == 0
    assert " =SUM" in (tmp_path / "sheet.csv").read_text(encoding="utf-8-sig")


def test_every_slip_is_named_by_its_cell(work, harbour, book):
    _, gold = work
    sampled(harbour, n=12)

    def slips(rows):
        rows[2][0] = "a9999"
        rows[3][6] = "perhaps"
        rows[4][7] = ""
        rows[5][2] = ""
        rows[6][2] = "1.5"
        rows[7] = rows[8]
        del rows[13]

    fill("sheet.csv", "filled.csv", gold, change=slips)
    with pytest.raises(RequestError) as error:
        read_codes(Path("filled.csv"), book)
    found = str(error.value)
    for expected in (
        "row 3, column check: the row is not as it was drawn: id 'a9999'",
        "row 4, column fishing: found 'perhaps'; expected one of ['no', 'pro', 'con']",
        "row 5, column dredging: found an empty cell",
        "row 6, column sampling_probability: found an empty cell",
        "row 7, column sampling_probability: found '1.5'",
        "is in row 8 too",
        "10 rows of the 12 that were drawn",
    ):
        assert expected in found


def test_a_sheet_of_another_collection_is_refused_and_of_another_bundle_is_said(
    work, harbour, book, capsys
):
    _, gold = work
    sampled(harbour, "--predictions", "labels.csv")
    fill("sheet.csv", "filled.csv", gold)
    frame = pd.read_csv("labels.csv", dtype=str)
    frame.assign(fishing_probability="0.123").to_csv("other.csv", index=False)
    frame.iloc[:200].to_csv("half.csv", index=False)
    capsys.readouterr()
    assert main(["measure", "other.csv", "--gold", "filled.csv", "--corpus", str(harbour)]) == 0
    assert (
        "120 of 120 rows (rows 3, 4, 5, 6, 7, …) were drawn with other predictions than those of "
        "other.csv: another bundle, or another text. Expected the same collection"
        in capsys.readouterr().err
    )
    assert main(["measure", "half.csv", "--gold", "filled.csv", "--corpus", str(harbour)]) == 2
    assert "is not among the 200 ids of half.csv" in capsys.readouterr().err
    pd.concat([frame, frame.assign(id="x" + frame["id"])]).to_csv("double.csv", index=False)
    assert main(["measure", "double.csv", "--gold", "filled.csv", "--corpus", str(harbour)]) == 0
    assert "imply 400 units, double.csv has 800" in capsys.readouterr().err


def test_bad_predictions_are_named_by_row_and_column(work, book, tmp_path):
    frame = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
    frame.loc[1, "fishing_probability"] = "1.2"
    frame.loc[2, "fishing_holds"] = "maybe"
    frame.loc[3, "id"] = "a0"
    frame.to_csv("bad.csv", index=False)
    with pytest.raises(RequestError) as error:
        read_collection(tmp_path / "bad.csv", labeller_names(book))
    assert (
        "row 2 (id 'a1'), column fishing_probability: found '1.2'; expected a probability "
        "from 0 to 1" in str(error.value)
    )
    assert "row 3 (id 'a2'), column fishing_holds: found 'maybe'; expected true or false" in str(
        error.value
    )
    assert "row 4 (id 'a0'), column id: found 'a0'; expected an id that no other row has" in str(
        error.value
    )


def test_near_duplicates_count_once_where_asked(work, harbour, book, tmp_path):
    _, gold = work
    sampled(harbour)
    fill("sheet.csv", "filled.csv", gold)
    collection, sheet = (
        read_collection(tmp_path / "labels.csv", labeller_names(book)),
        read_codes(tmp_path / "filled.csv", book),
    )
    found = estimate_shares(build_study(collection, sheet, "labels.csv", "filled.csv", once=True))
    assert set(found.table["units"]) == {360}
    kept = pd.read_csv("labels.csv")[lambda f: f["duplicate_of"].isna()]
    naive = found.table[
        (found.table["estimator"] == "naive") & (found.table["measured"] == "topic")
    ]
    assert naive["share"].tolist() == pytest.approx(
        [kept["fishing_holds"].mean(), kept["dredging_holds"].mean()]
    )
    assert any("40 near-duplicates are left out" in note for note in found.warnings)
    without = collection.take(np.arange(N))
    object.__setattr__(without, "frame", without.frame.drop(columns="duplicate_of"))
    with pytest.raises(RequestError, match="no column 'duplicate_of'"):
        build_study(without, sheet, "labels.csv", "filled.csv", once=True)


def test_what_the_gold_cannot_carry_is_withheld_with_how_many_more_it_takes(
    work, harbour, book, tmp_path
):
    _, gold = work
    sampled(harbour, n=40)
    fill("sheet.csv", "filled.csv", gold)
    study = build_study(
        read_collection(tmp_path / "labels.csv", labeller_names(book)),
        read_codes(tmp_path / "filled.csv", book),
        "l",
        "s",
    )
    found = estimate_shares(study, ["month", "country"])
    cells = found.table[
        (found.table["by"] == "month")
        & (found.table["measured"] == "topic")
        & (found.table["topic"] == "fishing")
    ]
    assert cells["month"].unique().tolist() == ["2023-01", "2023-02", "2023-03", "2023-04"]
    dsl, naive = (cells[cells["estimator"] == e] for e in ("dsl", "naive"))
    assert dsl["share"].isna().all()
    assert naive["share"].notna().all()
    assert (dsl["more_codes"] >= 30 - dsl["codes"]).all()
    assert any(
        note.startswith(
            "by month: too few hand-coded units for any share; all are withheld. A cell "
            "takes 30, and 10 expected with and without"
        )
        for note in found.warnings
    )


def test_how_many_more_by_hand():
    # 5 of all 50 codes are expected to have it, so 100 codes are needed for 10: 60 beside the 40
    # of cell 0, 90 beside the 10 of cell 1,
    # whatever their own codes say
    y = np.r_[np.ones(2), np.zeros(38), np.ones(3), np.zeros(7)]
    g = np.full(100, 0.1)
    sample = Sample(np.arange(50), np.full(50, 2.0), np.zeros(50, dtype=int))
    design = Design(sample, Cells(np.arange(100), (np.arange(100) >= 40).astype(int), 2), 100)
    codes, held, more = required_codes(design, Outcome(y, g, g, g), None)
    assert (codes.tolist(), held.tolist(), more.tolist()) == ([40, 10], [2, 3], [60, 90])


def test_likely_positives_do_not_carry_a_share_that_one_of_the_unlikely_would_outweigh():
    # 40 codes of weight 1 and chance 1/2, 40 of weight 50 and chance 1/50: (20 + 40)² / (20 +
    # 2000) = 3600 / 2020 codes' worth, so that
    # 10 take 80 x 10 x 2020 / 3600 = 448.9 codes; with equal chances the 20.8 expected would be
    # more than enough
    g = np.r_[np.full(40, 0.5), np.full(40, 0.02)]
    one = Cells(np.arange(80), np.zeros(80, dtype=int), 1)
    sample = Sample(
        np.arange(80),
        np.r_[np.ones(40), np.full(40, 50.0)],
        np.r_[np.zeros(40, dtype=int), np.ones(40, dtype=int)],
    )
    outcome = Outcome(np.r_[np.ones(20), np.zeros(60)], g, g, g)
    assert required_codes(Design(sample, one, 80), outcome, None)[2].tolist() == [369]
    equal = Sample(np.arange(80), np.ones(80), np.zeros(80, dtype=int))
    assert required_codes(Design(equal, one, 80), outcome, None)[2].tolist() == [0]


def test_periods_and_lists(work, book, tmp_path):
    assert period(["2023-08-31", "2023-08", "2023", "", "31.8.2023"], "quarter") == [
        "2023-Q3",
        "2023-Q3",
        "",
        "",
        "",
    ]
    assert period(["2023-08-31", "2023", ""], "year") == ["2023", "2023", ""]
    collection = read_collection(tmp_path / "labels.csv", labeller_names(book)).take(np.arange(4))
    collection.frame["country"] = ['["Mali", "Niger"]', "Mali", "", '["Niger"]']
    country, month = (
        cell_members(collection, "country", "x"),
        cell_members(collection, "month", "x"),
    )
    cells, names = cross_cells(4, [country, month])
    assert sorted((int(u), names[c]) for u, c in zip(cells.unit, cells.cell, strict=True)) == [
        (0, ("Mali", "2023-01")), (0, ("Niger", "2023-01")),
        (1, ("Mali", "2023-02")), (3, ("Niger", "2023-04"))
    ]  # fmt: skip
    with pytest.raises(RequestError, match="--by region: no such column"):
        cell_members(collection, "region", "x")


def test_the_file_for_r_holds_what_dsl_and_survey_take(work, harbour, book, tmp_path):
    _, gold = work
    sampled(harbour, "--predictions", "labels.csv", "--by", "probability")
    fill("sheet.csv", "filled.csv", gold)
    collection, sheet = (
        read_collection(tmp_path / "labels.csv", labeller_names(book)),
        read_codes(tmp_path / "filled.csv", book),
    )
    units = r_table(build_study(collection, sheet, "l", "s"), ["month"])
    coded = units[units["coded"] == 1]
    assert (len(units), len(coded)) == (N, 120)
    assert coded["fishing_gold"].tolist() == [
        float(gold[i]["fishing"] != "no") for i in coded["id"]
    ]
    assert units.loc[units["coded"] == 0, "fishing_gold"].isna().all()
    assert units["sampling_probability"].mean() == pytest.approx(
        120 / N, rel=1e-9
    )  # dsl's own scaling then changes nothing
    assert units["sampling_probability"].between(0, 1).all()


def test_drift_is_said_of_words_languages_and_lengths_and_not_of_the_same_kind():
    rng = np.random.default_rng(0)
    stock = [f"word{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(60)]
    known = [" ".join(rng.choice(stock, 30)) for _ in range(60)]
    groups = [f"d{i // 2}" for i in range(60)]
    same = [" ".join(rng.choice(stock, 30)) for _ in range(20)]
    languages = ["en", "fr", "de", "nl", "pl"]
    assert not [
        n
        for n in drift(same, np.ones(20), known, groups, languages)
        if "vocabulary" in n or "length" in n
    ]
    french = [
        "Les autorités ont annoncé hier soir la fermeture de la frontière avec le pays voisin"
    ] * 20
    found = drift(
        [*same[:10], *french[:10]], np.r_[np.ones(10), np.full(10, 3.0)], known, groups, ["en"]
    )
    text = "\n".join(found)
    assert "drift, language:" in text
    assert "fr 75%" in text
    assert "drift, vocabulary:" in text
    assert "drift, length: 75% of the units are shorter than 30 words" in text


@pytest.mark.parametrize(("dates", "said", "code"), [
    (["10.01.2023"] * N,
     "--by month: no unit has one; column date: found '10.01.2023' in the first row, expected a "
     "date that begins as 2023-07-31 does", 2),
    (["2023-13-01", *["2023-02-10T08:00:00Z"] * (N - 1)],
     "1 of 400 units have no month (date of id 'a0': 2023-13-01; expected a date", 0),
    (["", "5/3/23", "May 2023", "2023", *["2023-02"] * (N - 4)],
     "4 of 400 units have no month (date of id 'a0': empty, id 'a1': 5/3/23, id 'a2': May 2023, …",
     0),
])  # fmt: skip
def test_a_date_of_another_form_is_never_guessed(work, harbour, capsys, dates, said, code):
    sampled(harbour)
    fill("sheet.csv", "filled.csv", work[1])
    pd.read_csv("labels.csv", dtype=str).assign(date=dates).to_csv("dated.csv", index=False)
    capsys.readouterr()
    assert (
        main(
            [
                "measure",
                "dated.csv",
                "--gold",
                "filled.csv",
                "--by",
                "month",
                "--corpus",
                str(harbour),
            ]
        )
        == code
    )
    assert said in capsys.readouterr().err


def test_a_sample_by_month_says_which_dates_it_cannot_read(work, harbour, capsys):
    lines = Path("texts.jsonl").read_text().splitlines()
    Path("texts.jsonl").write_text(
        "\n".join(
            [
                lines[0].replace("2023-01-10", "10.1.2023"),
                lines[1].replace("2023-02-10", "10.2.2023"),
                *lines[2:],
            ]
        )
    )
    assert sampled(harbour, "--by", "month") == 0
    assert (
        "2 units have no month and are their own stratum: texts.jsonl:1: found "
        "'10.1.2023'; expected a date that begins" in capsys.readouterr().err
    )
    Path("texts.jsonl").write_text("\n".join(line.replace("2023-", "23-") for line in lines))
    assert sampled(harbour, "--by", "month", n=40) == 2
    assert (
        "texts.jsonl:1: --by month: no unit has a date that begins as 2023-07-31 does, "
        "year first; found '23-01-10'" in capsys.readouterr().err
    )


@pytest.mark.parametrize(("by", "said"), [
    ("month;country",
     "--by month;country: no such column; found ['id', 'date', 'country', 'duplicate_of']; "
     "expected one of these, or year, month, quarter; several with commas"),
    ("month,month", "--by month,month: a column is duplicated"),
    ("units", "the result has its own columns units; rename them in labels.csv"),
])  # fmt: skip
def test_what_by_cannot_take_is_refused(work, harbour, capsys, by, said):
    sampled(harbour, n=20)
    fill("sheet.csv", "filled.csv", work[1])
    assert (
        main(
            ["measure", "labels.csv", "--gold", "filled.csv", "--by", by, "--corpus", str(harbour)]
        )
        == 2
    )
    assert said in capsys.readouterr().err


def test_tables_and_sheets_of_another_form_are_named(work, harbour, book, tmp_path):
    pd.read_csv("labels.csv").to_csv("semicolons.csv", index=False, sep=";", decimal=",")
    ours = read_collection(tmp_path / "labels.csv", labeller_names(book))
    theirs = read_collection(tmp_path / "semicolons.csv", labeller_names(book))
    assert np.array_equal(theirs.probability, ours.probability)
    assert np.array_equal(theirs.stance_probability, ours.stance_probability)
    Path("sheet.xlsx").write_bytes(b"PK\x03\x04\x14\x00\x06\x00")
    with pytest.raises(RequestError, match="not a workbook, or cut off: File is not a zip file"):
        read_codes(tmp_path / "sheet.xlsx", book)
    Path("sheet.ods").write_bytes(b"PK\x03\x04\x14\x00\x06\x00")
    with pytest.raises(RequestError, match="a spreadsheet's own form; open it and save the sheet"):
        read_codes(tmp_path / "sheet.ods", book)


def test_yes_and_no_of_another_tongue_are_no_codes(work, harbour, book, tmp_path):
    sampled(harbour, n=12)
    fill(
        "sheet.csv",
        "filled.csv",
        work[1],
        delimiter=";",
        change=lambda rows: [
            row.__setitem__(6, word)
            for row, word in zip(rows[2:], ("TRUE", "wahr", "1", "x", "nein"), strict=False)
        ],
    )
    with pytest.raises(RequestError) as error:
        read_codes(tmp_path / "filled.csv", book)
    assert [line.split(": ")[2] for line in str(error.value).splitlines()] == [
        f"found {w!r}; expected one of ['no', 'pro', 'con']"
        for w in ("TRUE", "wahr", "1", "x", "nein")
    ]


def test_r_reads_the_units_that_were_measured(work, harbour):
    sampled(harbour)
    fill("sheet.csv", "filled.csv", work[1])
    assert (
        main(
            [
                "measure",
                "labels.csv",
                "--gold",
                "filled.csv",
                "--once",
                "--corpus",
                str(harbour),
                "-o",
                "out",
            ]
        )
        == 0
    )
    units, shares = pd.read_csv("out/units_for_r.csv"), pd.read_parquet("out/shares.parquet")
    assert {len(units)} == set(shares[shares["by"] == ""]["units"]) == {360}
    assert {int(units["coded"].sum())} == set(shares[shares["measured"] == "topic"]["codes"])


def test_a_cell_that_is_shown_with_hardly_a_code_of_one_kind_is_warned_of(
    work, harbour, book, tmp_path
):
    _, gold = work
    emptied = {
        unit: codes | ({"fishing": "no"} if int(unit[1:]) % 2 else {})
        for unit, codes in gold.items()
    }  # in Niger none
    sampled(harbour, n=240)
    fill("sheet.csv", "filled.csv", emptied)
    study = build_study(
        read_collection(tmp_path / "labels.csv", labeller_names(book)),
        read_codes(tmp_path / "filled.csv", book),
        "l",
        "s",
    )
    found = estimate_shares(study, ["country"])
    assert any(
        n.startswith(
            "by country: fishing: in 1 of 2 cells fewer than 3 hand-coded units have the "
            "topic, or lack it: the intervals there are too short"
        )
        for n in found.warnings
    )
    assert not any("dredging: in " in n for n in found.warnings)
    assert found.table["share"].dropna().between(0, 1).all()


def test_the_lines_for_r_in_docs_are_those_that_are_written():
    page = (Path(__file__).parents[2] / "docs" / "measure.md").read_text(encoding="utf-8")
    assert (
        page.split("```r\n")[1].split("```")[0]
        == r_script("sanctions", {"month": "month"}).split("\n", 1)[1]
    )


def measured(harbour, labels="labels.csv", gold="filled.csv", **options):
    return sahelclf_measure(labels, gold, corpus=harbour, **options)


SYNTACTIC = re.compile(r"([A-Za-z]|\.(?!\d))[A-Za-z0-9._]*")  # R's rules for a name
WORDS_OF_R = {"if", "else", "repeat", "while", "function", "for", "next", "break", "in", "TRUE"}
AWKWARD = [
    "coded", "stratum", "Coded", "id", "event country", "country-code", "country.code", "if",
    "TRUE",
    "pays/région", "a\nsystem('x')#", "_x", "2nd", ".5", "...", "fishing_gold",
    "地区", "", "a'b\"c\\",
]  # fmt: skip


def test_names_for_r_are_names_of_r_and_none_of_ours(book):
    names = labeller_names(book)
    found = r_names(AWKWARD, names)
    assert list(found) == AWKWARD
    ours = {"id", "coded", "sampling_probability", "stratum", "fishing_gold", "fishing_predicted"}
    lower = [name.lower() for name in found.values()]
    assert len({*lower} | ours) == len(lower) + len(ours)
    assert all(SYNTACTIC.fullmatch(n) and n not in WORDS_OF_R for n in found.values())
    assert found["event country"] == "event.country"
    assert found["country-code"] == "country.code"
    assert found["country.code"] == "country.code.1"
    assert found["stratum"] == "stratum.1"
    assert found["pays/région"] == "pays.region"
    assert found["if"] == "if."
    assert r_names(["month", "country"], names) == {"month": "month", "country": "country"}


@pytest.mark.parametrize(
    "column", ["coded", "stratum", "event country", "a\nsystem('x')#", "pays/é"]
)
def test_columns_of_the_collection_never_meet_ours_in_files_for_r(work, harbour, column):
    sampled(harbour)
    fill("sheet.csv", "filled.csv", work[1])
    labels = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
    found = measured(harbour, labels.rename(columns={"country": column}), by=column)
    found.write("out")
    units = pd.read_csv("out/units_for_r.csv", dtype=str, keep_default_na=False)
    name = r_names([column], found.study.collection.names)[column]
    assert (units["coded"] == "1").sum() == 120
    assert set(units.loc[units["coded"] == "1", "stratum"]) == {"all"}
    assert set(units[name]) == {"Mali", "Niger"}
    script = Path("out/measure.R").read_text()
    code = [line for line in script.splitlines() if not line.startswith("#")]
    assert f"print(svyby(~fishing_gold, ~{name}, design, svymean))" in code
    assert not any("system" in line and "system" not in name for line in code)
    assert Path(f"out/shares_by_{name}.png").is_file()


def test_measure_takes_files_and_frames_alike(work, harbour):
    sampled(harbour, "--predictions", "labels.csv", "--by", "probability")
    fill("sheet.csv", "filled.csv", work[1])
    files = measured(harbour, by=["month"])
    labels = pd.read_csv("labels.csv", dtype={"duplicate_of": str})
    gold = pd.read_csv("filled.csv", encoding="utf-8-sig")
    frames = measured(harbour, labels, gold, by="month")
    pd.testing.assert_frame_equal(files.table, frames.table)
    assert set(files.table["by"]) == {"", "month"}
    assert len(files.warnings) == len(frames.warnings)


@pytest.mark.parametrize("p", [0.0, 1.0, 0.3])
def test_constant_predictions_show_the_samples_estimate(work, harbour, p):
    sampled(harbour, n=200)
    fill("sheet.csv", "filled.csv", work[1])
    labels = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
    labels["fishing_probability"], labels["fishing_holds"] = p, "FALSE"
    table = measured(harbour, labels).table
    rows = table[(table["measured"] == "topic") & (table["topic"] == "fishing")]
    rows = rows.set_index("estimator")
    # a constant says nothing: ppi is the sample's estimate, and dsl nearly so
    sheet = pd.read_csv("filled.csv", encoding="utf-8-sig").iloc[1:]
    share = (sheet["fishing"] != "no").mean()
    assert rows.loc["sample", "share"] == pytest.approx(share)
    assert rows.loc["ppi", "share"] == pytest.approx(share)
    assert rows.loc["dsl", "share"] == pytest.approx(share, abs=0.01)
    assert (rows["more_codes"] == 0).all()


def test_advice_never_exceeds_what_the_collection_has(work, harbour):
    none = {unit: dict.fromkeys(TOPICS, "no") for unit in work[1]}
    sampled(harbour, n=200)
    fill("sheet.csv", "filled.csv", none)
    found = measured(harbour, by=["month"])
    corrected = found.table[found.table["estimator"] != "naive"]
    assert corrected["share"].isna().all()
    more = corrected["more_codes"]
    assert more.isna().all()
    assert any("all 400 units would be too few" in w for w in found.warnings)
    assert any("4 cells have too few units" in w for w in found.warnings)


def test_a_month_without_codes_has_a_naive_share_alone(work, harbour):
    sampled(harbour, n=200)
    fill("sheet.csv", "filled.csv", work[1])
    labels = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
    coded = set(pd.read_csv("filled.csv", encoding="utf-8-sig")["id"])
    labels.loc[~labels["id"].isin(coded), "date"] = "2024-01-01"
    table = measured(harbour, labels, by=["year"]).table
    cell = table[(table["by"] == "year") & (table["year"] == "2024")]
    assert (cell["codes"] == 0).all()
    assert cell.loc[cell["estimator"] != "naive", "share"].isna().all()
    assert (
        cell.loc[(cell["estimator"] == "naive") & (cell["measured"] == "topic"), "share"]
        .notna()
        .all()
    )


def test_differences_slopes_rounds_and_clusters_from_the_command_line(work, harbour, capsys):
    """Two rounds of a clustered collection; every comparison by hand from the hand codes."""
    _, gold = work
    labels = pd.read_csv("labels.csv", dtype=str, keep_default_na=False)
    labels["document_id"] = [f"d{k // 2}" for k in range(N)]
    labels.to_csv("clustered.csv", index=False)
    rng = np.random.default_rng(1)
    order = rng.permutation(N)
    for name, rows, chance in (("one", order[:150], 150 / N), ("two", order[150:300], 150 / 250)):
        ids = [f"a{k}" for k in rows]
        coded = pd.DataFrame({"id": ids, "sampling_probability": chance, "text": "the boats"})
        codes = pd.DataFrame([gold[i] for i in ids])
        pd.concat([coded, codes], axis=1).to_csv(f"{name}.csv", index=False)
    command = ["measure", "clustered.csv", "--gold", "one.csv", "--gold", "two.csv"]
    asked = ["--contrast", "country=Mali,Niger", "--contrast", "topic=fishing,dredging"]
    asked += ["--contrast", "stance=pro,con", "--before-after", "2023-03-01", "--trend", "month"]
    rest = ["--by", "country", "--shift", "--corpus", str(harbour), "-o", "out"]
    assert main([*command, *asked, *rest]) == 0
    said = capsys.readouterr().err
    assert "2 rounds with 150, 150 codes are pooled" in said
    assert "fishing; Mali - Niger" in said
    assert "p (Holm) is corrected for the" in said
    assert "0.0% [0.0, 0.0]" not in said
    table = pd.read_parquet("out/comparisons.parquet")
    codes = pd.DataFrame([gold[f"a{k}"] for k in order[:300]])
    where, month = labels["country"].to_numpy()[order[:300]], order[:300] % 4
    weight = np.r_[np.full(150, 0.5 * N / 150 + 0.5), np.full(150, 0.5 * 250 / 150)]
    y = (codes["fishing"] != "no").to_numpy(float)

    def mean(rows):
        return np.average(y[rows], weights=weight[rows])

    x = month - np.average(month, weights=weight)
    expected = {
        "country": mean(where == "Mali") - mean(where == "Niger"),
        "date": mean(month >= 2) - mean(month < 2),
        "trend by month": (weight * x * y).sum() / (weight * x * x).sum(),
    }
    sample = table[(table["estimator"] == "sample") & (table["country"] == "")]
    found = sample[sample["topic"] == "fishing"].set_index("comparison")["difference"]
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=1e-9), name
    topics = sample[sample["comparison"] == "topic"]["difference"].iloc[0]
    other = (codes["dredging"] != "no").to_numpy(float)
    assert topics == pytest.approx(np.average(y - other, weights=weight), abs=1e-9)
    tested = table[table["p_value"].notna()]
    assert (tested["p_holm"] >= tested["p_value"]).all()
    assert "naive" not in set(tested["estimator"])
    rounds = pd.read_parquet("out/rounds.parquet")
    assert set(rounds["round"]) == {"round 1", "round 2", "pooled"}
    for name in ("differences.png", "trends.pdf", "shares_by_country.png"):
        assert (Path("out") / name).is_file()
    shares = pd.read_parquet("out/shares.parquet")
    assert shares.loc[shares["estimator"] == "shift", "assumes"].str.contains("the same").all()
    assert "ids = ~cluster" in Path("out/measure.R").read_text(encoding="utf-8")


@pytest.mark.parametrize(("options", "said"), [
    (["--contrast", "country=Mali"], "expected COLUMN=A,B with two or more different values"),
    (["--contrast", "country=Mali,Chad"], "has no country Chad; found ['Mali', 'Niger']"),
    (["--contrast", "topic=fishing,gold"], "no topic gold; expected two or more of fishing, dred"),
    (["--before-after", "2023-13-01"], "expected a day such as 2023-07-26"),
    (["--before-after", "2020-01-01"], "400 units from that day on, 0 before; expected both"),
    (["--trend", "month", "--of", "stance"], "share of its topic's units there is no slope"),
    (["--trend", "month", "--of", "whales"], "found whales; expected topic, pair, stance or"),
    (["--cluster", "village"], "--cluster village: no such column"),
])  # fmt: skip
def test_what_cannot_be_compared_is_refused(work, harbour, options, said):
    codes = [{"id": i, "sampling_probability": 1, **c} for i, c in work[1].items()]
    gold = pd.DataFrame(codes)
    names = {"--contrast": "contrasts", "--before-after": "before_after"}
    pairs = zip(options[::2], options[1::2], strict=True)
    asked = {names.get(k, k.removeprefix("--")): v for k, v in pairs}
    with pytest.raises(RequestError, match=re.escape(said)):
        measured(harbour, gold=gold, **asked)


def test_a_plan_is_shown_without_codes(work, harbour, capsys):
    options = ["--plan", "--n", "100", "--by", "country", "--corpus", str(harbour), "-o", "planned"]
    assert main(["measure", "labels.csv", *options]) == 0
    said = capsys.readouterr().err
    assert "codes for +-2 (whole)" in said
    assert "without a pilot (--gold), the model's probabilities are taken as right" in said
    table = pd.read_csv("planned/plan.csv")
    assert len(table["design"].unique()) == 5
    assert main(["measure", "labels.csv", "--corpus", str(harbour)]) == 2
    assert "--gold SHEET is missing; or --plan" in capsys.readouterr().err


def test_no_positive_code_gives_a_limit_and_no_interval_of_width_zero(work, harbour):
    _, gold = work
    coded = pd.DataFrame([
        {"id": f"a{k}", "sampling_probability": 0.5, "text": "the boats", **gold[f"a{k}"]}
        for k in range(200)
    ])  # fmt: skip
    coded.loc[1::2, "fishing"] = "no"  # none of the 100 of Niger
    table = measured(harbour, gold=coded, by="country").table
    rows = table[(table["topic"] == "fishing") & (table["measured"] == "topic")]
    row = rows[(rows["country"] == "Niger") & (rows["estimator"] == "sample")].iloc[0]
    assert (row["share"], row["standard_error"], row["low"]) == (0, 0, 0)
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 100))
    assert _cell(row) == "0 of 100 coded; up to 3.6%"
    assert percent(0.0001) == "<0.1"
