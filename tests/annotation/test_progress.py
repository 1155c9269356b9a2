"""What more labels would buy, by hand-worked numbers."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from sahelclf.annotation.progress import (
    Curve,
    Estimate,
    Share,
    fit,
    model_kappas,
    shares,
    weighted_share,
)
from sahelclf.cli import main
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError
from sahelclf.records import BatchRecord, Label, SampledUnit
from sahelclf.workflows.status import Status, annotate_status, curve_sizes, learning_curves

SIZES = np.array([25, 100, 400])


def curve(a, b, noise=0.0):
    """0.8 - b / sqrt(n), and two draws beside it."""
    exact = a - b / np.sqrt(SIZES)
    return Curve(SIZES, exact, np.vstack([exact - noise, exact + noise]))


def test_the_curve_is_found_again():
    limit, slope = fit(SIZES, np.vstack([0.8 - 2 / np.sqrt(SIZES), 0.5 - 0 / np.sqrt(SIZES)]))
    np.testing.assert_allclose(limit, [0.8, 0.5])
    np.testing.assert_allclose(slope, [2, 0], atol=1e-12)


def test_what_more_units_add_by_hand():
    # at 400: 0.8 - 2 / 20 = 0.7; at 500: 0.8 - 2 / sqrt(500) = 0.710557
    assert curve(0.8, 2).gain(100).value == pytest.approx(2 / 20 - 2 / math.sqrt(500))
    # 0.72 = 0.8 - 2 / sqrt(n): n = 25^2 = 625, 225 more
    assert curve(0.8, 2).units_for(0.02).value == pytest.approx(225)
    # the limit is 0.01 above: two points are never reached
    assert curve(0.8, 0.2).units_for(0.02).value == math.inf
    assert curve(0.8, 0).units_for(0.02).value == math.inf


def test_no_score_exceeds_one():
    # at 400: 1.2 - 5 / 20 = 0.95; at 500 the fit has 1.2 - 5 / sqrt(500) = 0.976
    # at 2000: 1.2 - 5 / sqrt(2000) = 1.088, so only 0.05 is left to add
    steep = curve(1.2, 5)
    assert steep.gain(100).value == pytest.approx(5 / 20 - 5 / math.sqrt(500))
    assert steep.gain(1600).value == pytest.approx(0.05)
    assert steep.units_for(0.04).value == pytest.approx((5 / 0.21) ** 2 - 400)
    assert steep.units_for(0.06).value == math.inf


def test_intervals_come_from_the_draws():
    steep, flat = 0.8 - 2 / np.sqrt(SIZES), 0.8 - 0.2 / np.sqrt(SIZES)
    wanted = Curve(SIZES, steep, np.vstack([steep, flat])).units_for(0.02)
    assert (wanted.low, wanted.high) == (pytest.approx(225), math.inf)


def test_a_weighted_share_by_hand():
    # y = 1, 0, 0, 0 with weight 2: share 1/4; variance = 4/3 * 4 * (9/16 + 3/16) / 64 = 1/16;
    # as many even units have that variance: (3/16) / (1/16) = 3
    share = weighted_share(np.array([1.0, 0, 0, 0]), np.full(4, 2.0), np.zeros(4))
    assert share.value == pytest.approx(0.25)
    assert (share.low, share.high) == pytest.approx(wilson(0.25, 3))
    # nobody has it: the interval is still open upwards, to z2 / (n + z2)
    none = weighted_share(np.zeros(4), np.ones(4), np.zeros(4))
    assert (none.value, none.low, none.high) == pytest.approx((0, *wilson(0, 4)))


Z2 = 1.959963984540054**2


def wilson(p, n):
    middle = (p + Z2 / (2 * n)) / (1 + Z2 / n)
    half = math.sqrt(Z2) / (1 + Z2 / n) * math.sqrt(p * (1 - p) / n + Z2 / (4 * n * n))
    return middle - half, middle + half


def test_intervals_close_as_the_collection_is_coded():
    y, w = np.array([1.0, 0, 0, 0]), np.full(4, 2.0)
    # half of the collection: the variance 1/16 of above is halved, so 6 units have it
    half = weighted_share(y, w, np.full(4, 0.5))
    assert (half.low, half.high) == pytest.approx(wilson(0.25, 6))
    # nobody has it, half is coded: as 8 units
    none = weighted_share(np.zeros(4), w, np.full(4, 0.5))
    assert (none.low, none.high) == pytest.approx(wilson(0, 8))
    for values in (y, np.zeros(4)):
        whole = weighted_share(values, w, np.ones(4))
        assert whole.low == whole.value == whole.high
    # 100 of 500 are coded; 1/n - 1/N is .008, and with 100 more .003
    share = Share("t", 100, Estimate(0.5, 0.4, 0.6), left=400)
    assert share.width_after(100) == pytest.approx(0.2 * math.sqrt(3 / 8))
    assert share.width_after(400) == share.width_after(900) == 0


def record(name, *units):
    rows = [SampledUnit(unit=u, sampling_probability=p, drawn=d) for u, p, d in units]
    return BatchRecord(name=name, sha256=name, collection="c", seed=0, strategy={}, units=rows)


def test_shares_weigh_units_and_batches_and_leave_out_what_is_looked_at_again():
    holds, none = {"t": Label()}, {}
    batches = [
        # inverse probabilities 2 and 4 of two units: shares of the batch 1/3 and 2/3
        record("one", ("u1", 0.5, "random"), ("u2", 0.25, "model"), ("u9", 0.5, "random")),
        record("two", ("u3", 1.0, "random"), ("u4", 1.0, "again")),
    ]
    labels = {"u1": holds, "u2": none, "u3": holds, "u4": holds}
    batches[0] = batches[0].model_copy(update={"collection": "other"})
    (share,) = shares(batches, labels, ["t"])
    # batch one counts twice, with 1/3; batch two once, with 1: (2 * 1/3 + 1) / 3 = 5/9
    assert (share.n, share.share.value) == (3, pytest.approx(5 / 9))
    # one of the three units of batch one has no label: probabilities 2/3 of 1/2 and of 1/4 stand
    # for 3 + 6 units, so 7 are left there; batch two is all of its collection
    assert share.left == pytest.approx(7)
    # the same batch half answered: 3 of 6 drawn came back, and 2 have labels: 2/6 of 1/2 and 1/4
    batches[0] = batches[0].model_copy(update={"strategy": {"n": 6}})
    assert shares(batches, labels, ["t"])[0].left == pytest.approx(6 + 12 - 2)
    # where the size of the collection is known: 20 units, two of them labelled
    batches[0] = batches[0].model_copy(update={"collection_units": 20})
    assert shares(batches, labels, ["t"])[0].left == 18


def test_the_command_shows_what_more_would_buy(monkeypatch, capsys):
    share = Share("t", 100, Estimate(0.5, 0.4, 0.6), left=400)
    done = Status(400, 0, [("one", 400)], {"topic/macro_f1": curve(0.8, 2)}, [share])
    monkeypatch.setattr("sahelclf.workflows.status.annotate_status", lambda *_, **__: done)
    assert main(["annotate", "status", "--corpus", "c"]) == 0
    shown = capsys.readouterr().out
    # 0.8 - 2 / sqrt(n) at 400 and 500: 0.7 and 0.71056; 0.72 at 625
    assert "100 more units: +1.1 points [+1.1, +1.1]" in shown
    assert "two points more: about 225 more [225, 225]" in shown
    # 20 points times sqrt(3 / 8)
    assert re.search(r"t +50\.0% +\[40\.0%, 60\.0%\] +20\.0 points +12\.2 points", shown)
    assert "units of the collection without a label: 400" in shown
    few = replace(done, shares=[replace(share, left=60)])
    monkeypatch.setattr("sahelclf.workflows.status.annotate_status", lambda *_, **__: few)
    main(["annotate", "status", "--corpus", "c"])
    assert "with 100 more" not in capsys.readouterr().out


def test_kappa_of_successive_models_by_hand():
    # yes/yes, no/no, yes/no, no/no: 3/4 equal, chance (2*1 + 2*3) / 16 = 1/2: kappa 1/2
    one = [{"t": a} for a in ("yes", "no", "yes", "no")]
    two = [{"t": a} for a in ("yes", "no", "no", "no")]
    assert model_kappas([one, two, two]) == pytest.approx([0.5, 1.0])


def test_sizes_of_the_curve():
    assert curve_sizes(200, [60, 140]) == [50, 60, 100, 150, 200]
    assert curve_sizes(50, []) == [25, 37, 50]


def test_the_curve_of_a_corpus_rises_and_ends_with_all_units(harbour):
    curves = learning_curves(read_corpus(harbour), [], "tfidf", 0)
    topics = curves["topic/macro_f1"]
    assert topics.sizes.tolist() == [30, 60, 90, 120]
    assert topics.scores[-1] > 0.9
    assert topics.scores[-1] >= topics.scores[0]
    low, high = topics.band()
    assert (low <= topics.scores + 1e-12).all()
    assert (topics.scores <= high + 1e-12).all()
    assert curves["stance/macro_f1"].scores[-1] > 0.8


def test_status_of_bundles_needs_two_and_texts(harbour, tmp_path):
    with pytest.raises(RequestError, match="expected two or more"):
        annotate_status(harbour, ["one"])
    assert "--texts FILE" in annotate_status(harbour, ["one", "two"]).problem
    texts = tmp_path / "texts.csv"
    passage = read_corpus(harbour).passages[0]
    texts.write_text(f'id,text\n1,"{passage.text}"\n', encoding="utf-8")
    assert "every text is labelled" in annotate_status(harbour, ["one", "two"], texts=texts).problem
