"""`corpus validate|stats|agreement|split [--corpus FOLDER]`."""

import json
from math import isnan
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say, table
from sahelclf.errors import RequestError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from sahelclf.corpus.pairs import Pair
    from sahelclf.corpus.read import Corpus

EPILOG = """examples:
  python -m sahelclf corpus validate --corpus my/annotations
  python -m sahelclf annotate sample --n 150 -o check      then fill check/sheet.csv, and
  python -m sahelclf corpus agreement --with check/sheet.csv
"""

MOST_PAIRS = 12


def run(args: list[str]) -> int:
    """Run one of the four."""
    options = _parser().parse_args(args)

    from sahelclf.corpus.read import corpus_root, read_corpus

    _check(options)
    corpus = read_corpus(corpus_root(options.corpus))
    if options.what == "validate":
        return _validate(corpus)
    if options.what == "split":
        return _split(corpus, write=options.write)
    if options.what == "stats":
        return _stats(corpus, write=options.write, as_json=options.json)
    return _agreement(corpus, options.sheet, as_json=options.json)


def _parser() -> "argparse.ArgumentParser":
    p = parser(
        "corpus",
        "Validate, describe, measure agreement in, or split a corpus like annotations/.",
        EPILOG,
    )
    p.add_argument("what", choices=["validate", "stats", "agreement", "split"])
    p.add_argument("--corpus", metavar="FOLDER", help="default: the packaged corpus")
    write = "stats: write card.json; split: write splits/*.json (else only shown)"
    p.add_argument("--write", action="store_true", help=write)
    p.add_argument("--json", action="store_true", help="stats, agreement: as JSON")
    sheet = "agreement: of a person's filled sheet with the corpus's labels"
    p.add_argument("--with", dest="sheet", metavar="SHEET", help=sheet)
    return p


def _check(options: Any) -> None:
    """Refuse options that go with another of the four."""
    what = options.what
    if options.write and what not in {"stats", "split"}:
        raise RequestError(f"corpus: --write goes with stats and split, not with {what}")
    if options.sheet and what != "agreement":
        raise RequestError(f"corpus: --with goes with agreement, not with {what}")


def _validate(corpus: "Corpus") -> int:
    from sahelclf.corpus.validate import CODES, validate

    findings = validate(corpus)
    for f in findings:
        result(f"{f.code} {f.id}: {f.message}")
    if findings:
        codes = "; ".join(f"{c}: {CODES[c]}" for c in sorted({f.code for f in findings}))
        say(f"{corpus.root}: {len(findings)} findings. {codes}")
        say(
            f"Fix them, or excuse one in {corpus.root / 'known_issues.json'}: "
            '[{"code": …, "id": …, "why": …}]'
        )
        return 1
    result(
        f"{corpus.root}: {len(corpus.documents)} documents, {len(corpus.passages):,} passages, "
        "nothing to fix"
    )
    return 0


def _stats(corpus: "Corpus", *, write: bool, as_json: bool) -> int:
    from sahelclf.corpus.card import compute_card, write_card

    card = compute_card(corpus)
    if write:
        result(str(write_card(corpus.root / "card.json", card)))
        return 0
    if as_json:
        result(json.dumps(card, ensure_ascii=False, indent=1))
        return 0
    result(
        f"{card['documents']} documents, {card['passages']:,} passages, {card['words']:,} words, "
        f"{card['outlets']} outlets, {card['first_date']} to {card['last_date']}"
    )
    result(f"corpus hash {corpus.sha256}\n")
    stances = corpus.codebook.stance_names
    rows = [["topic", "passages", "documents", *stances]]
    for topic, n in card["topics"].items():
        by_stance = [str(n["stances"][s]) for s in stances]
        rows.append([topic, str(n["passages"]), str(n["documents"]), *by_stance])
    none = card["without_topic"]
    rows.append(["(none)", str(none["passages"]), str(none["documents"]), *("" for _ in stances)])
    table(rows, to_stdout=True)
    for name in ("genres", "countries", "strata", "years"):
        result(f"\n{name}: " + ", ".join(f"{k} {v}" for k, v in card[name].items()))
    return 0


def _agreement(corpus: "Corpus", sheet: str | None, *, as_json: bool) -> int:
    from sahelclf.predict.intake import number_of
    from sahelclf.workflows.agreement import corpus_agreement, corpus_pairs, sheet_agreement

    agreements = sheet_agreement(corpus, sheet) if sheet else corpus_agreement(corpus)
    between = [] if sheet else corpus_pairs(corpus)
    if as_json:
        rows_of = [
            [p.as_dict() for p in between if (p.level, p.topic) == (a.level, a.what)]
            for a in agreements
        ]
        records = [
            a.as_dict() | ({"between": rows} if rows else {})
            for a, rows in zip(agreements, rows_of, strict=True)
        ]
        result(json.dumps(records, indent=1))
        return 0
    units = sum({a.level: a.n for a in reversed(agreements)}.values())
    annotators, pairs = max((a.annotators, a.pairs) for a in agreements)
    if sheet:
        about = f"agreement of {sheet} with the corpus's labels, {number_of(units, 'passage')}"
    else:
        about = f"first-round agreement of {number_of(units, 'unit')}, before adjudication"
    if annotators > 2:
        about += f"; {annotators} annotators: alpha over all, kappa the mean of {pairs} pairs"
    result(f"{about}; 95% intervals resampled by document\n")
    heads = ["alpha", "interval", "kappa", "agree", "prevalence", "said yes"]
    rows = [["level", "question", "n", *heads]]
    for a in agreements:
        interval = f"[{_number(a.alpha_interval[0])}, {_number(a.alpha_interval[1])}]"
        cells = [_number(a.alpha), interval, _number(a.kappa), _number(a.agree)]
        cells.append("" if a.prevalence is None else f"{a.prevalence:.1%}")
        rows.append([a.level, a.what, str(a.n), *cells, " / ".join(map(str, a.support or ()))])
    table(rows, to_stdout=True)
    _show_pairs(between)
    return 0


def _show_pairs(pairs: "Sequence[Pair]") -> None:
    """The matrix of kappas, where there are three annotators or more, and who differs on what."""
    from sahelclf.corpus.pairs import kappa_matrix

    for level in dict.fromkeys(p.level for p in pairs):
        names, matrix = kappa_matrix(pairs, level)
        if len(names) > 2:
            result(f"\n{level}: kappa of each pair, mean over the topics (no and the stances)\n")
            rows = [["", *names]]
            rows += [[n, *map(_number, row)] for n, row in zip(names, matrix, strict=True)]
            table(rows, to_stdout=True)
    differing = sorted((p for p in pairs if p.differ), key=lambda p: (-p.differ / p.n, p.topic))
    if not differing:
        return
    more = f"; the first {MOST_PAIRS} of {len(differing)}" if len(differing) > MOST_PAIRS else ""
    result(f"\nwho differs from whom, on what (no and the stances){more}\n")
    rows = [["level", "topic", "annotators", "differ", "of", "kappa", "most often"]]
    for p in differing[:MOST_PAIRS]:
        often = ", ".join(f"{a} / {b} {n}" for a, b, n in p.differences[:3])
        cells = [p.level, p.topic, " / ".join(p.annotators), f"{p.differ:,}", f"{p.n:,}"]
        rows.append([*cells, _number(p.kappa), often])
    table(rows, to_stdout=True)


def _number(x: float) -> str:
    return "–" if isnan(x) else f"{x:.3f}"


def _split(corpus: "Corpus", *, write: bool) -> int:
    from sahelclf.corpus.splits import make_splits, write_splits

    splits = write_splits(corpus, corpus.root / "splits") if write else make_splits(corpus)
    for s in splits:
        result(f"{s.name}: {', '.join(f'{k} {len(v)}' for k, v in s.parts.items())} ({s.rule})")
    say(f"written to {corpus.root / 'splits'}" if write else "only shown; --write writes them")
    return 0
