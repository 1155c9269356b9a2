"""The corpus in numbers: `card.json`, recomputed by a test."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, pstdev
from typing import Any

import numpy as np

from sahelclf.codebook import Codebook
from sahelclf.corpus.agreement import agreement
from sahelclf.corpus.duplicates import near_duplicates, page_address
from sahelclf.corpus.events import like_documents
from sahelclf.corpus.pages import clean_text_page
from sahelclf.corpus.read import Corpus, read_annotations, read_event_pairs
from sahelclf.corpus.rounds import CodedUnit, annotated_units, retest_units
from sahelclf.corpus.shape import opening, page_lines, shape_by_genre
from sahelclf.corpus.splits import crossing_groups, read_split
from sahelclf.records import Passage, Topics

LONG_DOCUMENT_WORDS = 700
TTR_WORDS = 1000
RESAMPLES = 1000


def compute_card(corpus: Corpus) -> dict[str, Any]:
    """Counts, lengths, labels, sameness and agreement of a corpus."""
    documents, passages = corpus.documents, corpus.passages
    lengths = [len(p.text.split()) for p in passages]
    of_document = {
        d.id: sum(len(p.text.split()) for p in corpus.passages_of[d.id]) for d in documents
    }
    dates = sorted(d.date for d in documents if d.date)
    outlets = Counter(d.outlet for d in documents if d.outlet)
    card: dict[str, Any] = {
        "corpus_sha256": corpus.sha256,
        "documents": len(documents),
        "passages": len(passages),
        "words": sum(lengths),
        "outlets": len(outlets),
        "largest_outlet": list(outlets.most_common(1)[0]) if outlets else None,
        "first_date": dates[0] if dates else None,
        "last_date": dates[-1] if dates else None,
        "long_documents": sum(n > LONG_DOCUMENT_WORDS for n in of_document.values()),
        "passage_words": {
            "mean": round(mean(lengths), 1),
            "median": median(lengths),
            "shortest": min(lengths),
            "longest": max(lengths),
        },
        "genres": _counts(d.genre for d in documents),
        "strata": _counts(d.stratum for d in documents),
        "countries": _counts(c for d in documents for c in d.countries),
        "years": dict(sorted(_counts(d[:4] for d in dates).items())),
        "writers": _counts(d.writer for d in documents),
        "events": _events(corpus),
        "splits": _splits(corpus),
        "topics": _topics(corpus),
        "without_topic": {
            "passages": sum(not p.topics for p in passages),
            "documents": sum(not d.topics for d in documents),
        },
        "topics_per_passage": dict(sorted(_counts(str(len(p.topics)) for p in passages).items())),
        "topics_by_stratum": {
            s: _stratum(corpus, s) for s in sorted({d.stratum for d in documents if d.stratum})
        },
        "bases": _counts(
            f"{t}: {label.basis}" for p in passages for t, label in p.topics.items() if label.basis
        ),
        "near_duplicate_passages": len(near_duplicates([p.text for p in passages])),
        "sameness": _sameness(corpus),
        "shape": shape_by_genre(corpus),
        "cleaning": _cleaning(corpus),
    }
    return card | _annotations(corpus)


def _annotations(corpus: Corpus) -> dict[str, Any]:
    """Agreement by round, and of an annotator with itself; empty without annotators."""
    annotations = read_annotations(corpus)
    if not annotations:
        return {}
    units = annotated_units(corpus, annotations)
    in_order = [u for u in units if u.unit not in corpus.document]
    over_time = {
        "first_50_passages": in_order[:50],
        "last_50_passages": in_order[-50:],
        "retest": retest_units(corpus, annotations),
    }
    later = {row.round for rows in annotations.values() for row in rows if row.round > 1}
    return {
        "agreement": [a.as_dict() for a in agreement(corpus, units)],
        "agreement_of_later_rounds": {
            str(number): [a.as_dict() for a in agreement(corpus, again)]
            for number in sorted(later)
            if (again := annotated_units(corpus, annotations, number))
        },
        "agreement_over_time": {k: _exact(v, corpus.codebook) for k, v in over_time.items()},
        "doubly_annotated_units": len(units),
    }


def write_card(path: Path, card: dict[str, Any]) -> Path:
    """Write `card.json`."""
    path.write_text(json.dumps(card, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return path


def _counts(values: Any) -> dict[str, int]:
    return dict(Counter(v for v in values if v).most_common())


def _topics(corpus: Corpus) -> dict[str, Any]:
    table = {}
    for topic in corpus.codebook.topic_names:
        stances = Counter(p.topics[topic].stance for p in corpus.passages if topic in p.topics)
        table[topic] = {
            "passages": sum(stances.values()),
            "documents": sum(topic in (d.topics or {}) for d in corpus.documents),
            "stances": {s: stances[s] for s in corpus.codebook.stance_names},
        }
    return table


def _events(corpus: Corpus) -> dict[str, int]:
    """Events that documents name, those of several documents, and judged pairs."""
    named = Counter(d.event_id for d in corpus.documents if d.event_id)
    return {
        "events": len(named),
        "of_several_documents": sum(n > 1 for n in named.values()),
        "documents_in_these": sum(n for n in named.values() if n > 1),
        "like_pairs": len(like_documents(corpus)),
        "judged_pairs": len(read_event_pairs(corpus)),
    }


def _splits(corpus: Corpus) -> dict[str, dict[str, int]]:
    """Documents by part, and how many groups (events, pages, near copies) cross parts."""
    table = {}
    for path in sorted((corpus.root / "splits").glob("*.json")):
        split = read_split(corpus, path.stem)
        sizes = {name: len(ids) for name, ids in split.parts.items()}
        table[path.stem] = sizes | {"crossing": len(crossing_groups(corpus, split))}
    return table


def _stratum(corpus: Corpus, stratum: str) -> dict[str, Any]:
    """Shares of passages with each topic in a stratum, by page: two renderings of one count as one.

    A share is the mean over the pages, and its 95% interval is resampled by page.
    """
    pages: dict[str, list[Passage]] = {}
    documents = [d for d in corpus.documents if d.stratum == stratum and corpus.passages_of[d.id]]
    for d in documents:
        address = page_address(d.url) if d.url else d.id
        pages.setdefault(address, []).extend(corpus.passages_of[d.id])
    table: dict[str, Any] = {"documents": len(documents), "pages": len(pages)}
    table["passages"] = sum(map(len, pages.values()))
    draws = np.random.default_rng(0).integers(0, len(pages), (RESAMPLES, len(pages)))
    for topic in corpus.codebook.topic_names:
        shares = np.array([mean(topic in p.topics for p in inside) for inside in pages.values()])
        low, high = np.percentile(shares[draws].mean(axis=1), [2.5, 97.5])
        figures = {"share": shares.mean(), "low": low, "high": high}
        table[topic] = {k: round(float(v), 4) for k, v in figures.items()}
    return table


def _cleaning(corpus: Corpus) -> dict[str, Any]:
    """What cleaning does with whole pages: furniture that it drops by kind, text that it drops."""
    furniture, dropped = Counter[str](), Counter[str]()
    lines = lost = same = 0
    pages = [d for d in corpus.documents if d.page]
    for d in pages:
        passages = corpus.passages_of[d.id]
        page = clean_text_page("\n\n".join(page_lines(d, passages)), corpus.codebook.languages)
        kept = set(page.text.split("\n"))
        for f in d.furniture:
            furniture[f.kind] += 1
            dropped[f.kind] += f.text not in kept
        text = [line for p in passages for line in p.text.split("\n")]
        lines += len(text)
        lost += sum(line not in kept for line in text)
        same += [p.text for p in page.passages] == [p.text for p in passages]
    return {
        "pages": len(pages),
        "same_passages": same,
        "text_lines": lines,
        "text_lines_changed_or_dropped": lost,
        "furniture": {k: {"lines": n, "dropped": dropped[k]} for k, n in furniture.items()},
    }


def _sameness(corpus: Corpus) -> dict[str, dict[str, float]]:
    """By genre: passages with the opening of another, sentence lengths, type-token ratio."""
    table = {}
    openings = Counter(opening(p.text) for p in corpus.passages)
    for genre in sorted({d.genre for d in corpus.documents if d.genre}):
        texts = [
            p.text for d in corpus.documents if d.genre == genre for p in corpus.passages_of[d.id]
        ]
        if not texts:
            continue
        sentences = [
            len(s.split())
            for t in texts
            for s in t.replace("?", ".").replace("!", ".").split(".")
            if s.strip()
        ]
        words = " ".join(texts).lower().split()
        pieces = [words[i : i + TTR_WORDS] for i in range(0, len(words) - TTR_WORDS + 1, TTR_WORDS)]
        table[genre] = {
            "passages": len(texts),
            "open_alike": round(sum(openings[opening(t)] > 1 for t in texts) / len(texts), 4),
            "sentence_words": round(mean(sentences), 2),
            "sentence_words_sd": round(pstdev(sentences), 2),
            "type_token_per_1000": round(mean(len(set(p)) / len(p) for p in pieces), 4)
            if pieces
            else 0.0,
        }
    return table


def _exact(units: Sequence[CodedUnit], codebook: Codebook) -> dict[str, float]:
    """Share of units to which all annotators gave the same topics, and the same stances too."""
    labels = [list(u.labels.values()) for u in units]
    n = max(len(labels), 1)
    topics = sum(all(set(other) == set(row[0]) for other in row) for row in labels)
    stances = sum(all(_stances(other) == _stances(row[0]) for other in row) for row in labels)
    shares = {"units": len(labels), "same_topics": round(topics / n, 4)}
    return shares | ({"same_topics_and_stances": round(stances / n, 4)} if codebook.stances else {})


def _stances(topics: Topics) -> dict[str, str | None]:
    return {k: v.stance for k, v in topics.items()}
