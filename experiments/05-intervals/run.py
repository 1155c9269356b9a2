"""Which interval covers, and which paired test keeps its error rate? Simulations with clustered
data.

python experiments/05-intervals/run.py [--sets 2000] [--resamples 1000] [--tables TFIDF.csv \
    KEYWORDS.csv]

Two populations. 'made': topics, stances and errors that go together within a document (logistic
model with an effect of the document on what holds, on what is found, and on the stance); the truth
is the score of 60,000 documents. 'corpus': the development predictions of `model=tfidf` and
`model=keywords` (from `predictions/passages.csv` of their runs, --tables); samples are drawn from
these documents, so that the truth is their score. Two systems, A and B, in pairs that are equal in
the population: 'alike' (one rule, other noise), 'spread' (A errs by whole documents, B by
passages), 'tilt' (A favours precision, B recall).
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import t as student
from tabulate import tabulate

from sahelclf.evaluation import intervals, metrics
from sahelclf.evaluation.prediction_files import read_table
from sahelclf.evaluation.prediction_tables import from_gold_rows
from sahelclf.evaluation.report import document_draws

HERE = Path(__file__).parent
LEVELS = (0.025, 0.975)
SCORES = {"topic/macro_f1": slice(0, 4), "stance/macro_f1": slice(4, 7), "joint/f1": slice(7, 8)}
PREVALENCE = np.array([-1.6, -2.0, -2.6, -3.4])
STANCES = np.array([0.2, 0.3, 0.5])


def passages_of(rng, documents):
    """(n_documents,) numbers of passages: 5.4 on average, from 1 to about 20, as in the corpus."""
    return 1 + np.minimum(rng.negative_binomial(2.5, 2.5 / (2.5 + 4.4), size=documents), 24)


def annotated(rng, documents):
    """Document of each passage (n,), whether each topic holds (n, topics), and the stance on it."""
    owner = np.repeat(np.arange(documents), passages_of(rng, documents))
    n, t = len(owner), len(PREVALENCE)
    gold = PREVALENCE + 1.8 * rng.normal(size=(documents, t))[owner] + rng.logistic(size=(n, t)) > 0
    wanted = rng.choice(3, size=(documents, t), p=STANCES)[owner]
    return (
        owner,
        gold,
        np.where(rng.random((n, t)) < 0.6, wanted, rng.choice(3, size=(n, t), p=STANCES)),
    )


def made(rng, documents, kind="alike", shift=0.0):
    """(2, documents, 8 cells, 2): numerators and denominators of F1 by document, of two systems on
    the same units.

    Cells are 4 topics, 3 stances, and the pairs of both. `shift` moves B's threshold ('tilt').
    """
    owner, gold, stance = annotated(rng, documents)
    n, t = gold.shape
    of_document = lambda scale: scale * rng.normal(size=(documents, t))[owner]
    common, common_stance = (
        of_document(0.6) + 0.6 * rng.normal(size=(n, t)),
        of_document(0.6) + 0.6 * rng.normal(size=(n, t)),
    )
    out = np.zeros((2, documents, 8, 2))
    for system in range(2):
        by_document = {"alike": 0.5, "spread": (0.95, 0.0)[system], "tilt": 0.5}[kind]
        noise = lambda part=by_document: (
            1.1 * (np.sqrt(part) * of_document(1.0) + np.sqrt(1 - part) * rng.normal(size=(n, t)))
        )
        cut = {"tilt": (2.2, 2.2 - shift)[system]}.get(kind, 1.6)
        holds = 2.4 * gold + common + noise() > cut
        right = common_stance + noise() < 0.45
        said = np.where(right, stance, (stance + rng.integers(1, 3, size=(n, t))) % 3)
        pairs = lambda labels, on: (labels[:, :, None] == np.arange(3)) & on[:, :, None]
        rows = [(holds, gold)]
        for said_cells, gold_cells in (
            (pairs(said, gold), pairs(stance, gold)),
            (pairs(said, holds), pairs(stance, gold)),
        ):
            rows.append((said_cells, gold_cells))
        cells = [np.stack([2 * (s & g), s.astype(int) + g], axis=-1) for s, g in rows]
        merged = np.concatenate(
            [cells[0], cells[1].sum(axis=1), cells[2].sum(axis=(1, 2))[:, None]], axis=1
        )
        np.add.at(out[system], owner, merged)
    return out


def scores_of(x):
    """(…,) means over cells of the ratios of (…, cells, 2) totals."""
    return (x[..., 0] / np.maximum(x[..., 1], 1)).mean(axis=-1)


def score_of(x):
    """A (documents, cells, 2) array as the package's score."""
    return intervals.mean_score([(x[..., 0], x[..., 1])])


def influence(score):
    """(n_documents,) influence of each document on a weighted sum of ratios."""
    below = np.maximum(score.below.sum(axis=0), 1)
    return ((score.above - score.above.sum(axis=0) / below * score.below) / below) @ score.weight


def percentile(values):
    return np.quantile(values, LEVELS)


def expanded(values, n):
    """Percentiles moved outwards for few documents, as Student's t is and as the bootstrap's
    variance is small by (n-1)/n.
    """
    return np.quantile(values, ndtr(np.sqrt(n / (n - 1)) * student.ppf(LEVELS, n - 1)))


def corrected(values, value, psi):
    """BCa (Efron 1987): the bias from the share below, the acceleration from the skewness of the
    influences.
    """
    bias = ndtri(np.clip(((values < value) + 0.5 * (values == value)).mean(), 1e-4, 1 - 1e-4))
    a = (psi**3).sum() / (6 * (psi**2).sum() ** 1.5)
    z = bias + ndtri(LEVELS)
    return np.quantile(values, ndtr(bias + z / (1 - a * z)))


def by_method(score, draws):
    """Intervals of a score, or of a difference of two, by method."""
    n, psi, value = draws.shape[1], influence(score), score.value
    error = np.sqrt((psi**2).sum() * n / (n - 1))
    values, errors = intervals.resample(score, draws)
    low, high = np.quantile((values - value) / np.maximum(errors, 1e-9), LEVELS)
    half = student.ppf(0.975, n - 1) * error
    return {
        "delta method, Student's t": (value - half, value + half),
        "percentile": percentile(values),
        "percentile, expanded": expanded(values, n),
        "BCa": corrected(values, value, psi),
        "studentized": (value - high * error, value - low * error),
    }


def sign_flips(x, signs):
    """Whether A and B differ: documents change sides between them at random; gives p."""
    moved = np.tensordot(signs, x[1] - x[0], axes=1)
    null = scores_of(x[1].sum(axis=0) - moved) - scores_of(x[0].sum(axis=0) + moved)
    far = np.abs(null) >= abs(np.diff(scores_of(x.sum(axis=1)))[0]) - 1e-12
    return (1 + far.sum()) / (1 + len(signs))


def simulate(draw, truth, sets, documents, resamples, seed=77, scores=tuple(SCORES)):
    """Shares by (what, method, score): intervals that cover A's score and the difference, and p at
    or below 5%.
    """
    draws, signs = (
        document_draws(documents, 0, resamples),
        np.random.default_rng(1).integers(0, 2, size=(resamples, documents)).astype(float),
    )
    rng, hits = np.random.default_rng(seed), defaultdict(list)
    for _ in range(sets):
        x = draw(rng)
        for name in scores:
            cells, (a, b) = x[:, :, SCORES[name]], truth[name]
            first, second = score_of(cells[0]), score_of(cells[1])
            both = by_method(first, draws) | {
                "studentized on log-odds": intervals.interval(first, draws)
            }
            for method, (low, high) in both.items():
                hits["score", method, name].append((low <= a <= high, a < low, a > high))
            found = intervals.difference(second, first, draws)
            both = by_method(intervals.minus(second, first), draws) | {
                "studentized, symmetric": (found.low, found.high)
            }
            for method, (low, high) in both.items():
                hits["difference", method, name].append((low <= b - a <= high,))
            hits["p", "studentized, symmetric", name].append((found.p <= 0.05,))
            hits["p", "sign flips", name].append((sign_flips(cells, signs) <= 0.05,))
    return {key: np.mean(values, axis=0) for key, values in hits.items()}


def population(kind, shift=0.0, pieces=3):
    """(2, documents, cells, 2) of 60,000 made documents."""
    return np.concatenate(
        [made(np.random.default_rng(900 + i), 20_000, kind, shift) for i in range(pieces)], axis=1
    )


def level_tilt(name):
    """The shift of B's threshold at which B's recall makes up for A's precision."""
    low, high = 0.2, 1.4
    for _ in range(9):
        middle = (low + high) / 2
        a, b = scores_of(population("tilt", middle)[:, :, SCORES[name]].sum(axis=1))
        low, high = (middle, high) if b > a else (low, middle)
    return (low + high) / 2


def of_tables(paths):
    """(2, documents, cells, 2) of two predictions tables with gold."""
    found = []
    for path in paths:
        predicted, gold = from_gold_rows(read_table(path), str(path))
        parts = metrics.ratios(metrics.counts_by_document(predicted, gold)[1], predicted.names)
        found.append(np.concatenate([np.stack(parts[name], axis=-1) for name in SCORES], axis=1))
    return np.array(found)


def cases(args):
    """(title, sampler, truth by score, documents, scores, whether A and B are equal in the
    population).
    """

    def true(x):
        return {name: scores_of(x[:, :, cells].sum(axis=1)) for name, cells in SCORES.items()}

    for kind, documents in (("alike", 100), ("spread", 100), ("alike", 441)):
        pooled = {name: np.full(2, v.mean()) for name, v in true(population(kind)).items()}
        yield (
            f"made, {kind}",
            lambda r, k=kind, n=documents: made(r, n, k),
            pooled,
            documents,
            tuple(SCORES),
            True,
        )
    for name in ("topic/macro_f1", "joint/f1"):
        shift = level_tilt(name)
        yield (
            f"made, tilt for {name}",
            lambda r, s=shift: made(r, 100, "tilt", s),
            true(population("tilt", shift)),
            100,
            (name,),
            True,
        )
    if args.tables:
        x = of_tables(args.tables)
        some = lambda source: lambda r: source[:, r.integers(0, source.shape[1], 100)]
        yield "corpus", some(x), true(x), 100, tuple(SCORES), False
        swapped = np.concatenate([x, x[::-1]], axis=1)
        yield (
            "corpus, A and B change sides at random",
            some(swapped),
            true(swapped),
            100,
            tuple(SCORES),
            True,
        )


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--sets", type=int, default=2000)
    options.add_argument("--resamples", type=int, default=1000)
    options.add_argument("--tables", nargs=2, type=Path)
    options.add_argument("--out", type=Path, default=HERE)
    args = options.parse_args()
    per_score, per_difference, per_test = [], [], []
    for title, draw, truth, documents, scores, equal in cases(args):
        found = simulate(draw, truth, args.sets, documents, args.resamples, scores=scores)
        for (what, method, name), share in found.items():
            row = [title, documents, name, method]
            if what == "score":
                per_score.append([*row, f"{share[0]:.1%}", f"{share[1]:.1%}", f"{share[2]:.1%}"])
            elif what == "difference":
                per_difference.append([*row, f"{share[0]:.1%}"])
            elif equal:
                per_test.append([*row, f"{share[0]:.1%}"])
        print(
            title,
            documents,
            {k: np.round(v, 3) for k, v in found.items() if "studentized" in k[1]},
            flush=True,
        )
    write(args, per_score, per_difference, per_test)


def write(args, per_score, per_difference, per_test):
    """results.md: question, command, answer, figures."""
    span = lambda rows, method: "{} to {}".format(
        *sorted((r[4] for r in rows if r[3] == method), key=lambda c: float(c[:-1]))[
            :: len([r for r in rows if r[3] == method]) - 1
        ]
    )
    t = "studentized, symmetric"
    answer = (
        "**Answer.** For one score, the studentized bootstrap on log-odds covers "
        f"{span(per_score, 'studentized on log-odds')}, percentiles "
        f"{span(per_score, 'percentile')} (mostly too low: the truth lies above), BCa "
        f"{span(per_score, 'BCa')}. For a difference, the studentized bootstrap with |t| covers "
        f"{span(per_difference, t)}, percentiles {span(per_difference, 'percentile')}, BCa "
        f"{span(per_difference, 'BCa')}. Where two systems are equal, the paired test from the "
        f"same |t| finds a difference in {span(per_test, t)} of the sets, sign flips in "
        f"{span(per_test, 'sign flips')}. Sign flips cannot compare a mean over seeds with a "
        "single run, because these two cannot swap. `evaluation/intervals.py` uses the "
        "studentized bootstrap for all three: with log-odds, the interval of a score stays "
        "between 0 and 1, and p and the interval of a difference agree."
    )
    error = np.sqrt(0.05 * 0.95 / args.sets)
    tables = " --tables tfidf.csv keywords.csv" if args.tables else ""
    lines = [
        "# Which interval covers, and which paired test keeps its error rate?",
        f"`python experiments/05-intervals/run.py --sets {args.sets} --resamples "
        f"{args.resamples}{tables}`",
        answer,
        f"Figures: {args.sets:,} sets of documents a population, {args.resamples:,} resamples "
        f"each; a share of 95% has a standard error of {error:.1%}.",
        "## Coverage of one score's 95% interval (A's), and the truth below or above it",
        "Each cell: covers (truth below the interval / above it).",
        wide([[*r[:4], f"{r[4]} ({r[5]} / {r[6]})"] for r in per_score]),
        "## Coverage of the difference's 95% interval",
        wide(per_difference),
        "## p at or below 5% where A and B are equal",
        wide(per_test),
    ]
    (args.out / "results.md").write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def wide(rows):
    """A table with a column for each score."""
    cells = {}
    for title, documents, score, method, cell in rows:
        cells.setdefault((title, str(documents), method), {})[score] = cell
    body = [[*key, *(found.get(name, "") for name in SCORES)] for key, found in cells.items()]
    return tabulate(
        body, ["population", "documents", "method", *SCORES], "github", disable_numparse=True
    )


if __name__ == "__main__":
    main()
