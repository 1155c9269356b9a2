"""The error page: every passage with gold, prediction and the annotators' labels, in one HTML file that needs nothing else.

Texts and labels lie in a block of JSON in which `<`, `>` and `&` are escaped; the script writes them into the page as text
nodes. Script and style are allowed by their hash alone, and the network not at all (Content-Security-Policy).
"""

import base64
import hashlib
import html
import json
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files as resources
from typing import Any

import numpy as np

from sahelclf.bundle.contributions import Contributions
from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.records import Topics

TOP = 8
MOST_PASSAGES = 5000


Explain = Callable[[str], Contributions]


def error_page(
    predicted: Predictions,
    gold: Gold,
    corpus: Corpus,
    about: Mapping[str, str],
    explain: Explain | None = None,
    analyzers: Mapping[str, str] | None = None,
) -> str:
    """The page as HTML.

    Parameters
    ----------
    predicted, gold
        Passages of the corpus. Of more than 5,000 the page holds those with an error first, the surest before others, and
        says so.
    about
        What stands at the head of the page, such as 'run', 'model' and 'split'.
    explain, analyzers
        Contributions to a text's logits, heads in the labeller's order, and by block how its terms are cut ('word' or
        'char_wb'); None for models without.
    """
    rows = _chosen(predicted, gold)
    left_out = len(predicted.ids) - len(rows)
    predicted, gold = predicted.take(rows), Gold(gold.topics[rows], gold.stance[rows])
    payload = _Payload(predicted, gold, corpus, explain, analyzers or {}).as_dict()
    payload["about"] = dict(about)
    payload["left_out"] = left_out
    return _assemble(payload, about)


def _chosen(predicted: Predictions, gold: Gold) -> np.ndarray:
    """Rows to show, in order: all, or where they are too many the surest mistakes first."""
    n = len(predicted.ids)
    if n <= MOST_PASSAGES:
        return np.arange(n)
    wrong = predicted.holds != gold.topics
    stance = predicted.holds & gold.topics & (predicted.stance != gold.stance)
    sure = np.where(predicted.holds, predicted.probability, 1 - predicted.probability)
    worst = np.where(
        wrong, 1 + sure, np.where(stance, 1 + predicted.stance_probability.max(axis=2), 0)
    ).max(axis=1, initial=0)
    return np.sort(np.argsort(-worst, kind="stable")[:MOST_PASSAGES])


class _Payload:
    """The page's data, kept short: names once, numbers in thousandths."""

    def __init__(
        self,
        predicted: Predictions,
        gold: Gold,
        corpus: Corpus,
        explain: Explain | None,
        analyzers: Mapping[str, str],
    ) -> None:
        self.predicted, self.gold, self.corpus, self.explain, self.analyzers = (
            predicted,
            gold,
            corpus,
            explain,
            analyzers,
        )
        self.topics, self.stances = predicted.names.topics, predicted.names.stances
        self.bases = tuple(corpus.codebook.bases)
        self.terms: dict[tuple[str, str], int] = {}
        self.intercept: list[int] = []

    def as_dict(self) -> dict[str, Any]:
        by_annotator = read_annotations(self.corpus)
        first = {
            name: {a.unit: a.topics for a in rows if a.round == 1}
            for name, rows in by_annotator.items()
        }
        passages = {p.id: p for p in self.corpus.passages}
        owners = {d: k for k, d in enumerate(dict.fromkeys(self.predicted.documents))}
        rows = []
        for i, unit in enumerate(self.predicted.ids):
            passage = passages[unit]
            row: dict[str, Any] = {
                "i": unit,
                "d": owners[passage.document_id],
                "x": passage.text,
                "g": self._labels(passage.topics),
            }
            row["p"] = _thousandths(self.predicted.probability[i])
            row["s"] = _thousandths(self.predicted.stance_probability[i].ravel())
            row["h"] = [int(k) for k in np.flatnonzero(self.predicted.holds[i])]
            row["a"] = [
                self._labels(labels[unit]) if unit in labels else None for labels in first.values()
            ]
            if self.explain:
                row["w"] = self._why(self.explain(passage.text), i)
            rows.append(row)
        return {
            "topics": self.topics, "stances": self.stances, "bases": self.bases, "annotators": list(first),
            "documents": [self._document(d) for d in owners], "rows": rows, "intercept": self.intercept,
            "terms": list(self.terms), "analyzers": dict(self.analyzers),
        }  # fmt: skip

    def _document(self, name: str) -> dict[str, Any]:
        d = self.corpus.document[name]
        kept = {
            "id": d.id,
            "title": d.title,
            "outlet": d.outlet,
            "date": d.date,
            "countries": d.countries,
            "genre": d.genre,
        }
        return {k: v for k, v in (kept | {"stratum": d.stratum, "url": d.url}).items() if v}

    def _labels(self, topics: Topics) -> list[list[int]]:
        """Topic, stance and basis (-1 for none) by number."""
        return [
            [
                self.topics.index(t),
                self.stances.index(v.stance),
                self.bases.index(v.basis) if v.basis else -1,
            ]
            for t, v in topics.items()
        ]

    def _why(self, found: Contributions, i: int) -> list[list[int]]:
        """For each head of interest: its number, its logit, then pairs of a term's number and what it adds."""
        t, s = len(self.topics), len(self.stances)
        self.intercept = _thousandths(found.intercept)
        told = np.flatnonzero(self.gold.topics[i] | self.predicted.holds[i])
        heads = [*range(t), *(t + int(k) * s + j for k in told for j in range(s))]
        logits = _thousandths(found.logits)
        why = []
        for head in heads:
            line = [head, logits[head]]
            for k in found.top(head):
                amount = round(1000 * float(found.values[k, head]))
                if amount:
                    line += [self.terms.setdefault(found.terms[k], len(self.terms)), amount]
            why.append(line)
        return why


def _thousandths(values: np.ndarray) -> list[int]:
    return [int(v) for v in np.rint(1000 * np.asarray(values, dtype=float))]


def _assemble(payload: Mapping[str, Any], about: Mapping[str, str]) -> str:
    parts = {
        name: resources("sahelclf.reports")
        .joinpath(f"error_page.{name}")
        .read_text(encoding="utf-8")
        for name in ("html", "css", "js")
    }
    data = json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        data = data.replace(letter, f"\\u{ord(letter):04x}")
    policy = f"default-src 'none'; style-src '{_hash(parts['css'])}'; script-src '{_hash(parts['js'])}'; base-uri 'none'; form-action 'none'"
    title = html.escape(f"Errors of {about.get('model', 'a model')}")
    page = parts["html"].replace("@policy@", policy).replace("@title@", title)
    before, _, rest = page.partition("@css@")
    middle, _, rest = rest.partition("@data@")
    last, _, end = rest.partition("@js@")
    return before + parts["css"] + middle + data + last + parts["js"] + end


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def analyzers_of(blocks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How the terms of each block are cut, by the block's name."""
    return {str(b["name"]): str(b["analyzer"]) for b in blocks}
