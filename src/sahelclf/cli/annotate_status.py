"""`annotate status --corpus FOLDER [BUNDLE…]`: how far the labels are, and what more would buy."""

from math import isfinite
from typing import TYPE_CHECKING

from sahelclf.cli.console import parser, result, say, table
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse

    from sahelclf.annotation.progress import Curve, Estimate, Share
    from sahelclf.workflows.status import Status

EPILOG = """examples:
  python -m sahelclf annotate status --corpus my-corpus
  python -m sahelclf annotate status --corpus my-corpus bundles/first bundles/second

The learning curve scores all units, in folds, by models trained on the first units of the other
folds, in the order of the batches; the band is resampled by document. What more units would add
follows from score = a - b / sqrt(n), fitted to the curve. Shares are of the collection, from units
that were drawn with known probabilities. BUNDLES, the oldest first, label the same texts that
nobody has labelled: kappa of each with the next says how much the last units changed.
It decides nothing: whether more labels are worth their time is yours to say.
"""
MORE, POINTS = 100, 0.02


def run(args: list[str]) -> int:
    """Compute and show."""
    options = _parser().parse_args(args)

    from sahelclf.predict.intake import number_of
    from sahelclf.workflows.status import FEWEST, annotate_status

    done = annotate_status(
        options.corpus,
        options.bundles,
        texts=options.texts,
        text=options.text,
        model=options.model,
        seed=options.seed,
    )
    result(f"{number_of(done.units, 'unit')} with labels, {done.undecided:,} undecided")
    for name, n in done.batches:
        result(f"batch {name}: {number_of(n, 'unit')}")
    for name, curve in done.curves.items():
        _show_curve(name, curve)
    if not done.curves:
        say(f"no learning curve: it needs {FEWEST} units with labels, in a document for each fold")
    _show_shares(done.shares)
    _show_kappas(done, options.bundles)
    if done.problem:
        raise RequestError(f"the bundles are not compared: {done.problem}")
    return 0


def _parser() -> "argparse.ArgumentParser":
    p = parser("annotate status", "How far the labels are, and what more would buy.", EPILOG)
    p.add_argument("bundles", metavar="BUNDLE", nargs="*", help="successive models, oldest first")
    p.add_argument("--corpus", metavar="FOLDER", required=True)
    texts = "texts to compare the models on (default: the last batch's collection)"
    p.add_argument("--texts", metavar="FILE", help=texts)
    text = "the column that holds the text (default: the one the last batch was drawn with)"
    p.add_argument("--text", metavar="COLUMN", help=text)
    model = "kind of model of the curve (default: tfidf)"
    p.add_argument("--model", default="tfidf", metavar="NAME", help=model)
    p.add_argument("--seed", type=int, default=0)
    return p


def _show_curve(name: str, curve: "Curve") -> None:
    result(f"\n{name} by number of labelled units, cross-fitted, with 95% band\n")
    low, high = curve.band()
    rows = [["units", name, "band"]]
    for n, score, a, b in zip(curve.sizes, curve.scores, low, high, strict=True):
        rows.append([f"{n:,}", f"{score:.3f}", f"[{a:.3f}, {b:.3f}]"])
    table(rows, to_stdout=True)
    gain, wanted = curve.gain(MORE), curve.units_for(POINTS)
    result(f"{MORE} more units: {_points(gain)}")
    more = "not on this curve" if not isfinite(wanted.value) else f"about {wanted.value:,.0f} more"
    result(f"two points more: {more} [{_count(wanted.low)}, {_count(wanted.high)}]")


def _points(gain: "Estimate") -> str:
    value, low, high = (100 * x for x in (gain.value, gain.low, gain.high))
    return f"{value:+.1f} points [{low:+.1f}, {high:+.1f}]"


def _count(n: float) -> str:
    return f"{n:,.0f}" if isfinite(n) else "never"


def _show_shares(shares: "list[Share]") -> None:
    if not shares:
        return
    result(f"\nshares of the collection, from {shares[0].n:,} units, with 95% intervals\n")
    left = round(shares[0].left)
    after = left > MORE
    rows = [
        ["topic", "share", "interval", "width", *([f"width with {MORE} more"] if after else [])]
    ]
    for s in shares:
        interval = f"[{s.share.low:.1%}, {s.share.high:.1%}]"
        widths = [s.width, *([s.width_after(MORE)] if after else [])]
        shown = [f"{100 * w:.1f} points" for w in widths]
        rows.append([s.topic, f"{s.share.value:.1%}", interval, *shown])
    table(rows, to_stdout=True)
    result(f"units of the collection without a label: {left:,}")


def _show_kappas(done: "Status", bundles: list[str]) -> None:
    if done.kappas:
        result(f"\nkappa of successive models on {done.texts:,} texts that nobody has labelled\n")
    for one, other, kappa in zip(bundles, bundles[1:], done.kappas, strict=False):
        result(f"{one} and {other}: {kappa:.3f}")
