"""`measure --regress`: what the command writes and shows, and what it refuses."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sahelclf
from sahelclf.cli import main
from sahelclf.errors import RequestError

N, CODED = 400, 200
TOPICS = ("fishing", "dredging")


@pytest.fixture(scope="module")
def collection():
    """Labels of 400 units and the codes of 200 of them, of which a model says yes too often."""
    rng = np.random.default_rng(8)
    x = rng.normal(size=N).round(3)
    labels = pd.DataFrame({"id": [f"a{k}" for k in range(N)], "x": x, "twice": 2 * x, "same": 1})
    labels["date"] = [f"2023-{k % 4 + 1:02d}-10" for k in range(N)]
    labels["country"] = np.array(["Chad", "Mali", "Niger"])[rng.integers(3, size=N)]
    labels["village"] = labels["id"] + "-village"
    labels["document_id"] = [f"d{k // 2}" for k in range(N)]
    labels["places"] = np.where(x > 0, '["Mali", "Chad"]', '["Niger"]')
    labels["side"] = np.where(rng.permutation(N) < CODED, "left", "right")
    coded = pd.DataFrame({"id": labels["id"], "sampling_probability": CODED / N})
    for topic in TOPICS:
        truth = rng.random(N) < 1 / (1 + np.exp(0.5 - x))
        chance = 1 / (1 + np.exp(-x - 2 * truth - rng.normal(size=N)))
        labels[f"{topic}_probability"] = chance
        labels[f"{topic}_holds"] = np.where(chance > 0.5, "TRUE", "FALSE")
        labels[f"{topic}_stance"] = np.where(chance > 0.5, "pro", "")
        labels[f"{topic}_pro"], labels[f"{topic}_con"] = 0.7, 0.3
        coded[topic] = np.where(truth, np.where(rng.random(N) < 0.6, "pro", "con"), "no")
    return labels, coded.iloc[np.sort(rng.choice(N, CODED, replace=False))]


@pytest.fixture(scope="module")
def files(collection, tmp_path_factory):
    folder = tmp_path_factory.mktemp("regression")
    labels, coded = collection
    labels.drop(columns="document_id").to_csv(folder / "labels.csv", index=False)
    coded.to_csv(folder / "codes.csv", index=False)
    return folder


def command(files, harbour, *options):
    paths = [str(files / "labels.csv"), "--gold", str(files / "codes.csv")]
    return main(["measure", *paths, "--corpus", str(harbour), *options])


def test_the_folder_has_coefficients_figures_and_a_sentence(files, collection, harbour, capsys):
    labels, coded = collection
    asked = ["--regress", "fishing ~ x + C(country)", "--regress", "fishing ~ x | month"]
    assert command(files, harbour, *asked, "-o", str(files / "out")) == 0
    shown = capsys.readouterr().err
    assert re.search(r"^country\[Mali\]  ", shown, re.MULTILINE)
    assert "country: compared with Chad" in shown
    assert re.search(r"^coded by hand +200 +200 +200 *$", shown, re.MULTILINE)
    assert {p.name for p in (files / "out").iterdir()} == {
        *(f"regressions.{form}" for form in ("csv", "parquet", "md", "tex")),
        *(f"coefficients{k}.{form}" for k in ("", "_2") for form in ("pdf", "png")),
        "methods.md",
        "references.bib",
    }
    sentence = (files / "out" / "methods.md").read_text(encoding="utf-8")
    assert "2 formulas, over 400 units, of which 200 were drawn" in sentence
    bibliography = (files / "out" / "references.bib").read_text(encoding="utf-8")
    assert all(f"{{{key}," in bibliography for key in re.findall(r"@(\w+)", sentence))
    table = pd.read_parquet(files / "out" / "regressions.parquet")
    chosen = labels.set_index("id").loc[coded["id"]]
    columns = [
        np.ones(CODED),
        chosen["x"],
        chosen["country"] == "Mali",
        chosen["country"] == "Niger",
    ]
    y = (coded["fishing"] != "no").to_numpy(float)
    by_hand = np.linalg.lstsq(np.column_stack(columns).astype(float), y, rcond=None)[0]
    first = table[(table["formula"] == asked[1]) & (table["estimator"] == "sample")]
    assert list(first["term"]) == ["Intercept", "x", "country[Mali]", "country[Niger]"]
    assert first["coefficient"].to_numpy() == pytest.approx(by_hand, abs=1e-9)


def test_documents_are_clusters_and_a_stance_counts_the_units_of_its_topic(collection, harbour):
    labels, coded = collection
    found = sahelclf.regress(labels, coded, "pro | fishing ~ x", corpus=harbour, family="logit")
    row = found.table.iloc[0]
    assert row["codes"] == (coded["fishing"] != "no").sum()
    assert row["clusters"] == N // 2
    assert "by cluster (document_id: 200, of which" in found.sentence
    corrected = found.table[found.table["estimator"] != "naive"]
    assert corrected["standard_error"].gt(0).all()
    # every unit with the topic has this label: predicted labels alone give no logit
    assert any("naive: the logit has no solution; withheld" in w for w in found.warnings)


def test_standard_output_is_the_table(files, harbour, capsys):
    assert command(files, harbour, "--regress", "dredging:pro ~ has(places, 'Mali')") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("formula,family,term,estimator,coefficient,standard_error,low,high")
    assert len(lines) == 1 + 2 * 4


@pytest.mark.parametrize(("formula", "said"), [
    ("fishing = x", "no ~; expected a formula such as 'fishing ~ C(country) + month'"),
    ("whales ~ x", "'whales' is no topic; found topics fishing, dredging"),
    ("fishing:prop ~ x", "'prop' is no stance; did you mean 'pro'?"),
    ("fishing ~ xx", "has no column 'xx'; did you mean 'x'?"),
    ("fishing ~ x +* country", "is not readable"),
    ("fishing ~ dredging_probability", "what the model says. Its errors would bias"),
    ("fishing ~ x + twice", "twice follows from x"),
    ("fishing ~ same | month", "same does not vary within month"),
    ("fishing ~ village", "400 coefficients and 200 hand-coded units; expected at least 5 for"),
    ("fishing ~ log(x)", "values are not finite, such as the log of 0"),
    ("fishing ~ places", "400 cells are lists, such as"),
    ("fishing ~ x | country | month", "more than one | on the right"),
])  # fmt: skip
def test_what_cannot_be_estimated_is_refused(collection, harbour, formula, said):
    with pytest.raises(RequestError, match=re.escape(said)):
        sahelclf.regress(*collection, formula, corpus=harbour)


def test_a_logit_whose_outcome_a_level_decides_is_refused_and_too_few_codes(collection, harbour):
    labels, coded = collection
    always = labels.assign(side=np.where(labels["id"].isin(coded["id"][:20]), "left", "right"))
    decided = coded.copy()
    decided.loc[decided.index[:20], "fishing"] = "pro"
    with pytest.raises(RequestError, match=r"side\[right\].*decide the outcome"):
        sahelclf.regress(always, decided, "fishing ~ side", corpus=harbour, family="logit")
    with pytest.raises(RequestError, match="too few hand-coded units: 20; a regression takes 30"):
        sahelclf.regress(labels, coded.iloc[:20], "fishing ~ x", corpus=harbour)


@pytest.mark.parametrize(("options", "said"), [
    (["--regress", "fishing ~ x", "--by", "country", "--shift"], "--by, --shift: not with --regr"),
    (["--family", "logit"], "--family: only with --regress"),
])  # fmt: skip
def test_options_of_shares_and_of_regressions_are_kept_apart(files, harbour, capsys, options, said):
    assert command(files, harbour, *options) == 2
    assert said in capsys.readouterr().err
    assert not Path("shares").exists()
