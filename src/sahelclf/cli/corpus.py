"""`corpus validate|stats|agreement|split|sample [INPUT] [--corpus FOLDER]`."""

import json
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.cli.console import parser, result, say
from sahelclf.errors import CorpusError, RequestError
from sahelclf.files import refuse_taken
from sahelclf.reports.text import table

EPILOG = """examples:
  python -m sahelclf corpus validate --corpus my/annotations
  python -m sahelclf corpus sample --n 150 -o sheet.csv        then fill it in a spreadsheet, and
  python -m sahelclf corpus agreement --with sheet.csv
  python -m sahelclf corpus sample articles.csv --text body --predictions labels.csv --n 300 --by probability -o sheet.csv
                                                     then fill it, and evaluate or measure with --gold sheet.csv

sample without INPUT draws passages of the corpus; with INPUT (.jsonl, .csv, .parquet, … as predict takes) units of your own
collection, stratified --by probability (of the predictions), year, quarter or month (of the date) or any column, and writes a
sheet that keeps each row's chance of being drawn.
"""

if TYPE_CHECKING:
    from sahelclf.corpus.read import Corpus


def run(args: list[str]) -> int:
    """Dispatch to one of the five."""
    p = parser(
        "corpus",
        "Validate, describe, measure agreement in, split or sample a corpus of the form of annotations/.",
        EPILOG,
    )
    p.add_argument("what", choices=["validate", "stats", "agreement", "split", "sample"])
    p.add_argument("input", nargs="?", metavar="INPUT", help="sample: your own collection")
    p.add_argument("--corpus", metavar="FOLDER", help="default: the packaged corpus")
    p.add_argument(
        "--write",
        action="store_true",
        help="stats: write card.json; split: write splits/*.json (else only shown)",
    )
    p.add_argument("--json", action="store_true", help="stats, agreement: as JSON")
    p.add_argument(
        "--with",
        dest="sheet",
        metavar="SHEET",
        help="agreement: of a person's filled sheet with the corpus's labels",
    )
    p.add_argument("--n", type=int, default=150, help="sample: passages to draw (default: 150)")
    p.add_argument("--seed", type=int, default=0, help="sample: of the draw (default: 0)")
    p.add_argument("-o", "--out", metavar="SHEET", help="sample: the CSV to write")
    p.add_argument(
        "--by",
        metavar="COLUMN,…",
        help="sample INPUT: strata; without it every unit has the same chance",
    )
    p.add_argument(
        "--predictions",
        metavar="TABLE",
        help="sample INPUT: what predict said of it; needed for --by probability",
    )
    p.add_argument("--unit", choices=["passage", "document"], help="sample INPUT: as for predict")
    for word in ("text", "id", "title", "date"):
        p.add_argument(
            f"--{word}",
            metavar="COLUMN",
            help=f"sample INPUT: the column that holds the {word} (default: {word})",
        )
    options = p.parse_args(args)

    from sahelclf.corpus.read import corpus_root, read_corpus

    _check(options)
    corpus = read_corpus(corpus_root(options.corpus))
    if options.input is not None:
        from sahelclf.workflows.sampling import sample_collection

        result(str(sample_collection(corpus.codebook, options)))
        return 0
    if options.what == "validate":
        return _validate(corpus)
    if options.what == "split":
        return _split(corpus, write=options.write)
    if options.what == "sample":
        return _sample(corpus, Path(options.out), options.n, options.seed)
    if options.what == "stats":
        return _stats(corpus, write=options.write, as_json=options.json)
    return _agreement(corpus, options.sheet, as_json=options.json)


def _check(options: Any) -> None:
    """Refuse options that go with another of the five."""
    if options.write and options.what not in {"stats", "split"}:
        raise RequestError(f"corpus: --write goes with stats and split, not with {options.what}")
    if options.sheet and options.what != "agreement":
        raise RequestError(f"corpus: --with goes with agreement, not with {options.what}")
    if (options.what == "sample") != bool(options.out):
        raise RequestError("corpus: sample needs -o SHEET.csv, and only sample takes it")
    of_input = [
        f"--{w}"
        for w in ("by", "predictions", "unit", "text", "id", "title", "date")
        if getattr(options, w) is not None
    ]
    if options.input is not None and options.what != "sample":
        raise RequestError(
            f"corpus: INPUT {options.input!r} goes with sample, not with {options.what}"
        )
    if of_input and options.input is None:
        raise RequestError(
            f"corpus: {', '.join(of_input)} goes with sample INPUT, where INPUT is your own collection"
        )


def _validate(corpus: "Corpus") -> int:
    from sahelclf.corpus.validate import CODES, validate

    findings = validate(corpus)
    for f in findings:
        result(f"{f.code} {f.id}: {f.message}")
    if findings:
        codes = sorted({f.code for f in findings})
        say(
            f"{corpus.root}: {len(findings)} findings. "
            + "; ".join(f"{c}: {CODES[c]}" for c in codes)
        )
        say(
            f'Mend them, or excuse one in {corpus.root / "known_issues.json"}: [{{"code": …, "id": …, "why": …}}]'
        )
        return 1
    result(
        f"{corpus.root}: {len(corpus.documents)} documents, {len(corpus.passages):,} passages, nothing to mend"
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
        f"{card['documents']} documents, {card['passages']:,} passages, {card['words']:,} words, {card['outlets']} outlets, {card['first_date']} to {card['last_date']}"
    )
    result(f"corpus hash {corpus.sha256}\n")
    stances = corpus.codebook.stance_names
    rows = [["topic", "passages", "documents", *stances]]
    for topic, counts in card["topics"].items():
        rows.append(
            [
                topic,
                str(counts["passages"]),
                str(counts["documents"]),
                *(str(counts["stances"][s]) for s in stances),
            ]
        )
    rows.append(
        [
            "(none)",
            str(card["without_topic"]["passages"]),
            str(card["without_topic"]["documents"]),
            *("" for _ in stances),
        ]
    )
    result(table(rows))
    for name in ("genres", "countries", "strata", "years"):
        result(f"\n{name}: " + ", ".join(f"{k} {v}" for k, v in card[name].items()))
    return 0


def _sample(corpus: "Corpus", path: Path, n: int, seed: int) -> int:
    from sahelclf.annotation.corpus_sheet import write_sheet

    refuse_taken(path)
    say(
        f"{write_sheet(corpus, path, n, seed)} passages. Fill every topic column, then: python -m sahelclf corpus agreement --with {path}"
    )
    result(str(path))
    return 0


def _agreement(corpus: "Corpus", sheet: str | None, *, as_json: bool) -> int:
    from sahelclf.annotation.corpus_sheet import read_sheet, sheet_agreement
    from sahelclf.corpus.agreement import agreement, annotated_pairs
    from sahelclf.corpus.read import read_annotations

    if sheet:
        labels = read_sheet(corpus, Path(sheet))
        found, about = (
            sheet_agreement(corpus, labels),
            f"agreement of {sheet} with the corpus's labels, {len(labels)} passages",
        )
    else:
        pairs = annotated_pairs(corpus, read_annotations(corpus))
        if not pairs:
            raise CorpusError(
                f"{corpus.root / 'raw'}: no unit has two first-round annotators; expected raw/<annotator>.jsonl"
            )
        found, about = (
            agreement(corpus, pairs),
            f"first-round agreement of {len(pairs):,} units, before adjudication",
        )
    if as_json:
        result(json.dumps([a.as_dict() for a in found], indent=1))
        return 0
    result(f"{about}; 95% intervals resampled by document\n")
    rows = [["level", "question", "n", "alpha", "interval", "kappa", "agree", "said yes"]]
    for a in found:
        low, high = a.alpha_interval
        yes = f"{a.support[0]} / {a.support[1]}" if a.support else ""
        rows.append(
            [
                a.level,
                a.what,
                str(a.n),
                _number(a.alpha),
                f"[{_number(low)}, {_number(high)}]",
                _number(a.kappa),
                _number(a.agree),
                yes,
            ]
        )
    result(table(rows))
    return 0


def _number(x: float) -> str:
    return "–" if isnan(x) else f"{x:.3f}"


def _split(corpus: "Corpus", *, write: bool) -> int:
    from sahelclf.corpus.splits import make_splits, write_splits

    splits = write_splits(corpus, corpus.root / "splits") if write else make_splits(corpus)
    for s in splits:
        result(
            f"{s.name}: " + ", ".join(f"{k} {len(v)}" for k, v in s.parts.items()) + f" ({s.rule})"
        )
    if write:
        say(f"written to {Path(corpus.root) / 'splits'}")
    else:
        say("only shown; --write writes them")
    return 0
