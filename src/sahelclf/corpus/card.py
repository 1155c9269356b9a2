"""The corpus in numbers: `card.json`, recomputed by a test."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean, median, pstdev
from typing import Any

from sahelclf.codebook import Codebook
from sahelclf.corpus.agreement import CodedUnit, agreement, annotated_units, retest_units
from sahelclf.corpus.duplicates import near_duplicates
from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.records import Topics

LONG_DOCUMENT_WORDS = 700
TTR_WORDS = 1000


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
        "topics": _topics(corpus),
        "without_topic": {
            "passages": sum(not p.topics for p in passages),
            "documents": sum(not d.topics for d in documents),
        },
        "topics_per_passage": dict(sorted(_counts(str(len(p.topics)) for p in passages).items())),
        "topics_by_stratum": _by_stratum(corpus),
        "bases": _counts(
            f"{t}: {label.basis}" for p in passages for t, label in p.topics.items() if label.basis
        ),
        "near_duplicate_passages": len(near_duplicates([p.text for p in passages])),
        "sameness": _sameness(corpus),
    }
    annotations = read_annotations(corpus)
    if annotations:
        units = annotated_units(corpus, annotations)
        in_order = [u for u in units if u.unit not in corpus.document]
        halves = {
            "first_50_passages": in_order[:50],
            "last_50_passages": in_order[-50:],
            "retest": retest_units(corpus, annotations),
        }
        card["agreement"] = [a.as_dict() for a in agreement(corpus, units)]
        card["agreement_over_time"] = {k: _exact(v, corpus.codebook) for k, v in halves.items()}
        card["doubly_annotated_units"] = len(units)
    return card


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


def _by_stratum(corpus: Corpus) -> dict[str, dict[str, float]]:
    """Share of passages with each topic, by stratum."""
    shares: dict[str, dict[str, float]] = {}
    for stratum in sorted({d.stratum for d in corpus.documents if d.stratum}):
        inside = [
            p for d in corpus.documents if d.stratum == stratum for p in corpus.passages_of[d.id]
        ]
        of_topic: dict[str, float] = {
            t: round(sum(t in p.topics for p in inside) / max(len(inside), 1), 4)
            for t in corpus.codebook.topic_names
        }
        shares[stratum] = of_topic | {"passages": len(inside)}
    return shares


def _sameness(corpus: Corpus) -> dict[str, dict[str, float]]:
    """By genre: passages with the opening of another, sentence lengths, type-token ratio."""
    table = {}
    openings = Counter(_opening(p.text) for p in corpus.passages)
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
            "open_alike": round(sum(openings[_opening(t)] > 1 for t in texts) / len(texts), 4),
            "sentence_words": round(mean(sentences), 2),
            "sentence_words_sd": round(pstdev(sentences), 2),
            "type_token_per_1000": round(mean(len(set(p)) / len(p) for p in pieces), 4)
            if pieces
            else 0.0,
        }
    return table


def _opening(text: str) -> str:
    return " ".join(text.lower().split()[:3])


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
