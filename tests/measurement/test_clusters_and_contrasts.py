"""Clusters, differences and slopes: equal to R's survey, and covering the truth in simulation.

A biased labeller, documents of four passages, strata and unequal chances. One hundred collections
are one: each is a cell, with strata and documents of its own.
"""

import numpy as np
import pytest
from scipy.stats import norm

from sahelclf.evaluation.intervals import holm
from sahelclf.measurement.contrasts import Pairing
from sahelclf.measurement.estimators import (
    Cells,
    Design,
    Outcome,
    cross_fit_calibration,
    p_values,
    quantile,
    shares,
)
from sahelclf.measurement.variance import Layout, Sample

ESTIMATED = ("sample", "ppi", "dsl")
AT_ONCE, CHUNKS, DOCUMENTS, PASSAGES, MONTHS = 100, 10, 400, 4, 12


def by_survey(stratum: np.ndarray, cluster: np.ndarray, data: dict) -> list[float]:
    """Mean, three domains, a difference and a slope, each with its standard error."""
    n = len(stratum)
    sample = Sample(np.arange(n), data["w"], stratum, cluster)
    outcome = Outcome(data["y"], np.full(n, 0.5), data["y"], data["y"])
    one = Cells(np.arange(n), np.zeros(n, dtype=int), 1)
    domains = Design(sample, Cells(np.arange(n), data["domain"], 3), n)
    parts = shares(domains, outcome)["sample"]
    found = []
    for e in (
        shares(Design(sample, one, n), outcome)["sample"],
        parts,
        Pairing(domains, np.array([0]), np.array([1])).difference(parts.influence),
        shares(Design(sample, one, n, data["t"].astype(float)), outcome)["sample"],
    ):
        found += [*e.value, *e.error]
    return found


def test_clusters_and_strata_have_the_standard_errors_of_survey():
    # survey 4.1.1: svydesign(ids = ~cl, strata = ~st, weights = ~w, nest = TRUE), svymean, svyby
    # with covmat = TRUE, svycontrast(c(1, -1, 0)), svyglm(y ~ t)
    rng = np.random.default_rng(1)
    of_cluster, size = rng.integers(4, size=60), rng.integers(1, 5, size=60)
    cluster = np.repeat(np.arange(60), size)
    nested = of_cluster[cluster]
    n = len(cluster)
    data = {"w": rng.uniform(1, 9, size=4)[nested], "domain": rng.integers(3, size=n)}
    data |= {"t": rng.integers(12, size=n), "y": (rng.random(n) < 0.4).astype(float)}
    crossed = rng.integers(4, size=n)
    assert by_survey(nested, cluster, data) == pytest.approx([
        0.435021507967, 0.048817311401,
        0.486505771200, 0.428406716148, 0.396381766654,
        0.082434171800, 0.079069637959, 0.075849573811,
        0.058099055052, 0.106956370417, 0.036304491378, 0.012242156444,
    ], abs=1e-11)  # fmt: skip
    # strata that cut clusters, a cluster in each (nest = TRUE)
    assert by_survey(crossed, cluster * 4 + crossed, data) == pytest.approx([
        0.435021507967, 0.048907645957,
        0.486505771200, 0.428406716148, 0.396381766654,
        0.082464311581, 0.083241501601, 0.081180591591,
        0.058099055052, 0.110732933773, 0.036304491378, 0.010983691153,
    ], abs=1e-11)  # fmt: skip


def test_a_cluster_with_codes_in_two_strata_is_one_cluster_by_hand():
    # strata of units 0, 1 and 2, 3; clusters {0, 2}, {1}, {3}. Inflation is the root of 2 / 1.
    # Stratum totals are centred: (1 - 0) / 2 = +-.5 in both, times the root: .7071.
    # Cluster {0, 2}: .7071 + .7071 = 1.4142, squared 2; {1}, {3}: .5 each. In all 3.
    sample = Sample(np.arange(4), np.ones(4), np.array([0, 0, 1, 1]), np.array([0, 1, 0, 2]))
    layout = Layout(sample, np.arange(4), np.zeros(4, dtype=int), 1, together=False)
    assert layout.variance(np.array([1.0, 0, 1, 0]), None) == pytest.approx([3.0], abs=1e-12)
    assert layout.freedom.tolist() == [1.0]  # three clusters, two strata
    # alone in its stratum: compared with zero, 1 + 4 + 0; what other units add joins its cluster
    alone = Sample(np.arange(2), np.ones(2), np.array([0, 1]), np.array([0, 1, 1]))
    layout = Layout(alone, np.arange(3), np.zeros(3, dtype=int), 1, together=False)
    assert layout.variance(np.array([1.0, 2.0]), None) == pytest.approx([5.0], abs=1e-12)
    assert layout.variance(np.array([1.0, 2.0]), np.array([0, 0, 3.0])) == pytest.approx([26.0])


def test_intervals_by_cluster_use_students_t_and_others_the_normal():
    assert quantile(np.array([5.0, np.inf])) == pytest.approx([2.5705818, 1.9599640], abs=1e-6)
    found = p_values(
        np.array([1.96, 2.5705818, 0.5]), np.array([1.0, 1, 0]), np.array([np.inf, 5, 5])
    )
    assert found[:2] == pytest.approx([0.05, 0.05], abs=1e-4)
    assert np.isnan(found[2])  # no error, no test
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def population(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One hundred collections, one after the other; passages of a document are alike."""
    documents = AT_ONCE * DOCUMENTS
    cluster = np.repeat(np.arange(documents), PASSAGES)
    country = rng.integers(2, size=documents)[cluster]
    month = rng.integers(MONTHS, size=documents)[cluster]
    latent = level(month, country) + rng.normal(size=documents)[cluster]
    latent += rng.normal(size=len(cluster))
    noise = 0.4 * rng.normal(size=documents)[cluster] + 0.6 * rng.normal(size=len(cluster))
    score = 0.5 + latent + noise + 0.08 * month - 0.4 * country  # wrong in level, trend and country
    return {
        "cluster": cluster,
        "collection": cluster // DOCUMENTS,
        "country": country,
        "month": month,
        "y": (latent > 0).astype(float),
        "p": norm.cdf(0.8 * score),
    }


def level(month: np.ndarray, country: np.ndarray) -> np.ndarray:
    return -1.1 + 0.05 * month + 0.3 * country


def true_values() -> tuple[float, float, float]:
    """Share, difference of the countries, slope over months, of all that could be drawn."""
    month, country = np.meshgrid(np.arange(MONTHS), np.arange(2), indexing="ij")
    share = norm.cdf(level(month, country) / np.sqrt(2))
    x = np.arange(MONTHS) - (MONTHS - 1) / 2
    difference = float((share[:, 0] - share[:, 1]).mean())
    return float(share.mean()), difference, float(x @ share.mean(axis=1) / (x @ x))


def whole_documents(rng: np.random.Generator, p: dict) -> Sample:
    """50 documents of one country and 30 of the other are drawn and coded whole, as strata."""
    stratum = (p["collection"] * 2 + p["country"])[::PASSAGES]  # of each document
    wanted = np.where(p["country"][::PASSAGES] == 0, 50, 30)
    chosen, weight = _within(rng, stratum, wanted)
    unit = (chosen[:, None] * PASSAGES + np.arange(PASSAGES)).ravel()
    return Sample(unit, np.repeat(weight, PASSAGES), stratum[unit // PASSAGES], p["cluster"])


def likely_passages(rng: np.random.Generator, p: dict) -> Sample:
    """60 likely and 60 of the other passages; these strata cut through documents.

    Few of the 1,600: the error of `sample` leaves out the variance between strata, which is that
    of the collection as a draw from something larger.
    """
    stratum = p["collection"] * 2 + (p["p"] > 0.6)
    chosen, weight = _within(rng, stratum, np.full(len(stratum), 60))
    return Sample(chosen, weight, stratum[chosen], p["cluster"])


def _within(
    rng: np.random.Generator, stratum: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn at random in each stratum, and 1 / the chance of each."""
    order = np.lexsort((rng.random(len(stratum)), stratum))
    sizes = np.bincount(stratum)
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    chosen = order[rank < wanted[order]]
    return chosen, sizes[stratum[chosen]] / np.minimum(wanted[chosen], sizes[stratum[chosen]])


@pytest.fixture(scope="module", params=[whole_documents, likely_passages])
def coverage(request):
    """Share of 1,000 intervals that hold the truth, by what is asked, estimator and clusters."""
    hits: dict[tuple[str, str, bool], list] = {}
    for chunk in range(CHUNKS):
        rng = np.random.default_rng(chunk)
        p = population(rng)
        drawn = request.param(rng, p)
        n = len(p["y"])
        y = p["y"][drawn.unit]
        g = cross_fit_calibration(y[:, None], p["p"][:, None], drawn)[:, 0]
        outcome = Outcome(y, p["p"], (p["p"] >= 0.5).astype(float), g)
        cells = Cells(np.arange(n), p["collection"], AT_ONCE)
        halves = Cells(np.arange(n), p["collection"] * 2 + p["country"], 2 * AT_ONCE)
        for clustered in (True, False):
            sample = drawn if clustered else Sample(drawn.unit, drawn.weight, drawn.stratum)
            both = Design(sample, halves, n)
            pairing = Pairing(both, 2 * np.arange(AT_ONCE), 2 * np.arange(AT_ONCE) + 1)
            parts = shares(both, outcome)
            for question, estimates in (
                ("share", shares(Design(sample, cells, n), outcome)),
                ("difference", {k: pairing.difference(e.influence) for k, e in parts.items()}),
                ("slope", shares(Design(sample, cells, n, p["month"].astype(float)), outcome)),
            )[: 3 if clustered else 1]:
                truth = dict(zip(("share", "difference", "slope"), true_values(), strict=True))
                for name, e in estimates.items():
                    inside = np.abs(e.value - truth[question]) <= e.half
                    hits.setdefault((question, name, clustered), []).append(inside.mean())
    return {key: float(np.mean(values)) for key, values in hits.items()}


def test_shares_differences_and_slopes_are_covered_and_naive_ones_are_not(coverage):
    corrected = {k: v for k, v in coverage.items() if k[2] and k[1] in ESTIMATED}
    assert len(corrected) == 9
    assert {k: v for k, v in corrected.items() if not 0.93 <= v <= 0.97} == {}
    assert all(
        coverage[question, "naive", True] < 0.7 for question in ("share", "difference", "slope")
    )


def test_intervals_that_ignore_documents_drawn_whole_are_too_short(coverage, request):
    if "whole_documents" not in request.node.callspec.id:
        assert coverage["share", "sample", False] > 0.9  # passages drawn one by one
        return
    assert coverage["share", "sample", False] < 0.9
    assert coverage["share", "ppi", False] < 0.92
