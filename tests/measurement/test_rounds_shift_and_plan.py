"""Rounds of a growing sample, label shift, and plans: by hand and in simulation."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from sahelclf.annotation.next import group_probabilities
from sahelclf.annotation.units import Sheet
from sahelclf.evaluation.predictions import Gold, Names
from sahelclf.measurement.collection import Collection
from sahelclf.measurement.estimators import (
    Cells,
    Design,
    Outcome,
    cross_fit_calibration,
    shares,
)
from sahelclf.measurement.plan import Chances, designs, expected_widths, plan_table
from sahelclf.measurement.rounds import pool_rounds
from sahelclf.measurement.shift import label_shift
from sahelclf.measurement.variance import Sample


def sheet(ids: list[str], probability: list[float], y: list[int]) -> Sheet:
    topics = np.array(y, dtype=bool)[:, None]
    n, gold = len(ids), Gold(topics, np.where(topics, 0, -1))
    nothing = ("",) * n
    chances = np.array(probability)
    return Sheet(tuple(ids), tuple(range(n)), chances, nothing, nothing, nothing, gold, ())


def test_rounds_are_pooled_by_hand():
    # two units of round one, two of round two, that could not draw them again: half each.
    # a counts .5 / .5 + .5 = 1.5; b .5 / .25 + .5 = 2.5; c and d .5 / .2 = 2.5 in round two alone
    first = sheet(["a", "b"], [0.5, 0.25], [1, 0])
    second = sheet(["c", "d"], [0.2, 0.2], [1, 1])
    pooled, rounds = pool_rounds([first, second])
    assert pooled.ids == ("a", "b", "c", "d")
    assert 1 / pooled.probability == pytest.approx([1.5, 2.5, 2.5, 2.5])
    assert pooled.stratum == ("round 1: ", "round 1: ", "round 2: ", "round 2: ")
    assert rounds[0].ids == ("a", "b")
    assert 1 / rounds[1].probability == pytest.approx([1, 1, 5, 5])  # earlier ones for themselves
    # b drawn again: both rounds are of the whole collection, and b counts .5 / .25 + .5 / .2
    again, _ = pool_rounds([first, sheet(["b", "d"], [0.2, 0.2], [0, 1])])
    assert dict(zip(again.ids, 1 / again.probability, strict=True)) == pytest.approx(
        {"a": 1.0, "b": 4.5, "d": 2.5}
    )
    other, _ = pool_rounds([first, sheet(["b", "d"], [0.2, 0.2], [1, 1])])
    assert any("1 units have other codes in a later round (b)" in w for w in other.warnings)
    assert pool_rounds([first]) == (first, [])


def systematic(rng: np.random.Generator, p: np.ndarray) -> np.ndarray:
    order = rng.permutation(len(p))
    steps = np.cumsum(p[order])
    at = np.searchsorted(steps, rng.random() + np.arange(round(steps[-1])), side="right")
    return order[np.minimum(at, len(p) - 1)]


def test_later_rounds_that_depend_on_earlier_codes_are_estimated_without_bias():
    truth, found = [], {"pooled": [], "round 2": [], "all alike": []}
    n, drawn, repetitions = 600, 60, 400
    for seed in range(repetitions):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=n)
        y = (rng.random(n) < norm.cdf(x - 0.8)).astype(int)
        truth.append(norm.cdf(-0.8 / np.sqrt(2)))
        size = 0.4 + np.exp(-((x - 0.8) ** 2))
        p1 = group_probabilities(size, drawn)
        s1 = systematic(rng, p1)
        left = np.setdiff1d(np.arange(n), s1)
        middle = x[s1][y[s1] == 1].mean()  # what the codes say decides where to look next
        p2 = group_probabilities(0.4 + np.exp(-((x[left] - middle) ** 2)), drawn)
        s2 = systematic(rng, p2)
        sheets = [
            sheet([str(i) for i in rows], list(p), list(y[rows]))
            for rows, p in ((s1, p1[s1]), (left[s2], p2[s2]))
        ]
        pooled, rounds = pool_rounds(sheets)
        for name, s in (("pooled", pooled), ("round 2", rounds[1])):
            unit = np.array([int(i) for i in s.ids])
            stratum = np.unique(s.stratum, return_inverse=True)[1]
            design = Design(Sample(unit, 1 / s.probability, stratum), one_cell(n), n)
            p = norm.cdf(x)
            outcome = Outcome(s.gold.topics[:, 0].astype(float), p, p, p)
            e = shares(design, outcome)["sample"]
            found[name].append((e.value[0], e.error[0]))
        found["all alike"].append((y[[*s1, *left[s2]]].mean(), np.nan))
    share = truth[0]
    values = {k: np.array(v) for k, v in found.items()}
    pooled, second = values["pooled"], values["round 2"]
    for part in (pooled, second):
        assert part[:, 0].mean() == pytest.approx(share, abs=3 * part[:, 0].std() / 20 + 0.003)
    inside = np.abs(pooled[:, 0] - share) < 1.96 * pooled[:, 1]
    assert 0.92 <= inside.mean() <= 0.98
    assert pooled[:, 0].std() < 0.9 * second[:, 0].std()
    assert values["all alike"][:, 0].mean() > share + 0.05  # as if all had had the same chance


def one_cell(n: int) -> Cells:
    return Cells(np.arange(n), np.zeros(n, dtype=int), 1)


def test_label_shift_finds_cells_whose_prior_alone_differs():
    rng = np.random.default_rng(0)
    cells, n = 40, 40 * 500
    cell = np.repeat(np.arange(cells), 500)
    prior = np.linspace(0.05, 0.6, cells)
    y = (rng.random(n) < prior[cell]).astype(float)
    x = rng.normal(size=n) + 1.8 * y
    p = 1 / (1 + np.exp(-(0.7 + 0.6 * x)))  # ranks well, and is far from calibrated
    rows = rng.choice(n, 800, replace=False)
    sample = Sample(rows, np.full(800, n / 800), np.zeros(800, dtype=int))
    design = Design(sample, Cells(np.arange(n), cell, cells), n)
    found = label_shift(design, Outcome(y[rows], p, (p > 0.5).astype(float), p))
    # the calibration's error is common to all cells, so they miss together
    assert (np.abs(found.value - prior) < 3.5 * found.error).all()
    assert np.corrcoef(found.value, prior)[0, 1] > 0.95
    naive = np.array([(p > 0.5)[cell == c].mean() for c in range(cells)])
    assert np.abs(naive - prior).mean() > 0.3
    # Saerens's EM, run by itself on one cell, has the same fixed point
    inner = np.log(p / (1 - p))
    z = np.column_stack([np.ones(800), inner[rows]])
    values = np.zeros(2)
    for _ in range(50):
        q = 1 / (1 + np.exp(-z @ values))
        hessian = (z * (q * (1 - q))[:, None]).T @ z
        values += np.linalg.solve(hessian, z.T @ (y[rows] - q))
    g = 1 / (1 + np.exp(-(values[0] + values[1] * inner)))
    source, share, own = g.mean(), g.mean(), g[cell == 7]
    for _ in range(500):
        up, down = own * share / source, (1 - own) * (1 - share) / (1 - source)
        share = (up / (up + down)).mean()
    assert found.value[7] == pytest.approx(share, abs=1e-3)  # we take 400 bins of the log-odds


def test_label_shift_of_constant_predictions_is_unknown():
    design = Design(Sample(np.arange(40), np.ones(40), np.zeros(40, int)), one_cell(100), 100)
    y = np.r_[np.ones(10), np.zeros(30)]
    found = label_shift(design, Outcome(y, np.full(100, 0.3), np.zeros(100), np.zeros(100)))
    assert np.isnan(found.value).all()


@pytest.fixture(scope="module")
def collection() -> Collection:
    """6,000 units of a rare topic in three countries; the probabilities are right."""
    rng = np.random.default_rng(2)
    n = 6000
    p = norm.cdf(rng.normal(size=n) * 1.2 - 1.6)[:, None]
    country = np.array(["A", "B", "C"], dtype=object)[rng.choice(3, n, p=[0.7, 0.2, 0.1])]
    frame = pd.DataFrame({"id": np.arange(n).astype(str), "country": country})
    nothing = np.empty((n, 1, 0))
    names = Names(("sanctions",), ())
    ids = frame["id"].to_numpy(dtype=object)
    return Collection(names, ids, p, nothing, p > 0.5, np.full((n, 1), -1), frame)


def test_planned_widths_by_hand():
    # 4 units of g .5, 2 codes: K of sample = 4 units x (1/4) x 2 / 16 = 1/8; of dsl the same, as
    # nothing is known. Strata of g .2 and .8, one code each: by stratum 2 units, factor 4: mean
    # square around .5 .25, less the stratum's .3 squared: .16; (.16 + .16) x 4 / 16 = .08
    flat = np.full(4, 0.5)
    simple = Chances("simple", np.zeros(4, dtype=int), np.ones(1))
    planned = expected_widths(flat, one_cell(4), simple, 2)
    assert [float(planned[k][0][0]) for k in ("sample", "dsl")] == pytest.approx([1 / 8, 1 / 8])
    apart = Chances("strata", np.array([0, 0, 1, 1]), np.array([0.5, 0.5]))
    planned = expected_widths(np.array([0.2, 0.2, 0.8, 0.8]), one_cell(4), apart, 2)
    assert [float(planned[k][0][0]) for k in ("sample", "dsl")] == pytest.approx([0.08, 0.08])
    assert planned["dsl"][1] == pytest.approx([0.09 / 4])  # between the units: variance .09 / 4
    # small strata are coded whole, the rest goes to the others
    assert Chances("", np.r_[np.zeros(2, int), np.ones(98, int)], np.array([0.5, 0.5])).codes(
        20
    ).tolist() == [2, 18]


def test_planned_widths_are_those_of_samples_drawn_so(collection):
    n, codes = len(collection), 400
    g = collection.probability
    for design in designs(collection, g, ["country"], "x"):
        planned = expected_widths(g[:, 0], one_cell(n), design, codes)
        errors = {"sample": [], "dsl": []}
        wanted = np.round(design.codes(codes)).astype(int)
        sizes = np.bincount(design.stratum)
        for seed in range(25):
            rng = np.random.default_rng(seed)
            y = (rng.random(n) < g[:, 0]).astype(float)
            order = np.lexsort((rng.random(n), design.stratum))
            rank = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)
            rows = order[rank < wanted[design.stratum[order]]]
            stratum = design.stratum[rows]
            sample = Sample(rows, sizes[stratum] / wanted[stratum], stratum)
            calibrated = cross_fit_calibration(y[rows, None], g, sample)[:, 0]
            outcome = Outcome(y[rows], g[:, 0], g[:, 0] > 0.5, calibrated)
            found = shares(Design(sample, one_cell(n), n), outcome)
            for name, values in errors.items():
                values.append(found[name].error[0] ** 2)
        for name, values in errors.items():
            expected = np.sqrt(sum(planned[name])[0])
            assert np.sqrt(np.mean(values)) == pytest.approx(expected, rel=0.1), design.name


def test_a_plan_says_what_each_design_takes(collection):
    table = plan_table(collection, collection.probability, ["country"], 400, where="x")
    whole = table[table["by"] == ""].set_index("design")
    assert [*whole.index] == [
        "simple",
        "--by country",
        "--by probability",
        "--by country,probability",
        "probability, best allocation",
    ]
    width = whole["half_width_dsl"]
    assert width["probability, best allocation"] < width["simple"] < width["--by country"]
    cells = table[table["by"] == "country"].set_index(["design", "country"])
    smallest = cells["half_width_dsl"]["--by country", "C"]
    assert smallest < cells["half_width_dsl"]["simple", "C"]
    assert cells["codes"]["--by country", "C"] == pytest.approx(400 / 3)
    # as many codes as are needed give the width that was asked for
    needed = int(whole["codes_needed_sample"]["simple"])
    again = plan_table(collection, collection.probability, [], needed, where="x")
    assert again["half_width_sample"].iloc[0] == pytest.approx(0.02, abs=1e-4)


def test_the_best_allocation_takes_cheap_units(collection):
    g = collection.probability
    dear = np.where(g[:, 0] > 0.3, 9.0, 1.0)
    plain, priced = (designs(collection, g, [], "x", cost=c)[-1] for c in (None, dear))
    assert priced.allocation[-1] < plain.allocation[-1]
