"""The error page: every passage with gold, prediction and annotators' labels, in one HTML file."""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from sahelclf.bundle.contributions import Contributions
from sahelclf.corpus.read import Corpus, read_annotations
from sahelclf.evaluation.predictions import Gold, Predictions
from sahelclf.records import Topics
from sahelclf.templates import render_page

MOST_PASSAGES = 5000
DOCUMENT_FIELDS = ("id", "title", "outlet", "date", "countries", "genre", "stratum", "url")
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
        Passages of the corpus. If there are more than `MOST_PASSAGES`, those with the most
        confident errors are kept, and the page says how many are left out.
    about
        Names and values for the head of the page, such as 'run', 'model' and 'split'.
    explain, analyzers
        For linear models: what gives the contributions of terms to the logits of a text, and by
        block of features how its terms are cut (`word` or `char_wb`).
    """
    rows = _most_confident_errors(predicted, gold)
    left_out = len(predicted.ids) - len(rows)
    predicted, gold = predicted.take(rows), Gold(gold.topics[rows], gold.stance[rows])
    data = _PageData(predicted, gold, corpus, explain).as_dict()
    data["function_words"] = function_words(corpus.codebook.languages)
    data |= {"analyzers": dict(analyzers or {}), "about": dict(about), "left_out": left_out}
    return render_page(
        "sahelclf.reports",
        "error_page",
        data,
        title=f"Errors of {about.get('model', 'a model')}",
        stances=predicted.names.stances,
    )


def _most_confident_errors(predicted: Predictions, gold: Gold) -> np.ndarray:
    """Rows to show, in order: all, or if there are too many, the most confident errors first."""
    n = len(predicted.ids)
    if n <= MOST_PASSAGES:
        return np.arange(n)
    wrong = predicted.holds != gold.topics
    wrong_stance = predicted.holds & gold.topics & (predicted.stance != gold.stance)
    confidence = np.where(predicted.holds, predicted.probability, 1 - predicted.probability)
    stance_confidence = predicted.stance_probability.max(axis=2)
    worst = np.where(wrong, 1 + confidence, np.where(wrong_stance, 1 + stance_confidence, 0))
    order = np.argsort(-worst.max(axis=1, initial=0), kind="stable")
    return np.sort(order[:MOST_PASSAGES])


class _PageData:
    """The page's data, kept short: names are numbered, numbers are in thousandths."""

    def __init__(
        self, predicted: Predictions, gold: Gold, corpus: Corpus, explain: Explain | None
    ) -> None:
        self.predicted, self.gold, self.corpus, self.explain = predicted, gold, corpus, explain
        self.topics, self.stances = predicted.names.topics, predicted.names.stances
        self.bases = tuple(corpus.codebook.bases)
        self.terms: dict[tuple[str, str], int] = {}
        self.intercept: list[int] = []

    def as_dict(self) -> dict[str, Any]:
        annotators = {
            name: {a.unit: a.topics for a in rows if a.round == 1}
            for name, rows in read_annotations(self.corpus).items()
        }
        documents = {d: k for k, d in enumerate(dict.fromkeys(self.predicted.documents))}
        passages = {p.id: p for p in self.corpus.passages}
        rows = []
        for i, unit in enumerate(self.predicted.ids):
            passage = passages[unit]
            row: dict[str, Any] = {"i": unit, "d": documents[passage.document_id]}
            row |= {"x": passage.text, "g": self._labels(passage.topics)}
            row["p"] = _thousandths(self.predicted.probability[i])
            row["s"] = _thousandths(self.predicted.stance_probability[i].ravel())
            row["h"] = [int(k) for k in np.flatnonzero(self.predicted.holds[i])]
            row["a"] = [
                self._labels(labels[unit]) if unit in labels else None
                for labels in annotators.values()
            ]
            if self.explain:
                row["w"] = self._terms(self.explain(passage.text), i)
            rows.append(row)
        return {
            "topics": self.topics,
            "stances": self.stances,
            "bases": self.bases,
            "annotators": list(annotators),
            "documents": [self._document(d) for d in documents],
            "rows": rows,
            "intercept": self.intercept,
            "terms": list(self.terms),
        }

    def _document(self, name: str) -> dict[str, Any]:
        document = self.corpus.document[name]
        values = {k: getattr(document, k) for k in DOCUMENT_FIELDS}
        return {k: v for k, v in values.items() if v}

    def _labels(self, topics: Topics) -> list[list[int]]:
        """Topic, stance and basis by number; -1 for none."""
        return [
            [
                self.topics.index(t),
                self.stances.index(v.stance) if v.stance else -1,
                self.bases.index(v.basis) if v.basis else -1,
            ]
            for t, v in topics.items()
        ]

    def _terms(self, added: Contributions, i: int) -> list[list[int]]:
        """For each head: its number, its logit, then numbers of terms with what each adds.

        Heads are all topics, and the stances of topics that hold or are predicted.
        """
        t, s = len(self.topics), len(self.stances)
        self.intercept = _thousandths(added.intercept)
        shown = np.flatnonzero(self.gold.topics[i] | self.predicted.holds[i])
        heads = [*range(t), *(t + int(k) * s + j for k in shown for j in range(s))]
        logits = _thousandths(added.logits)
        lines = []
        for head in heads:
            line = [head, logits[head]]
            for k in added.top(head):
                amount = round(1000 * float(added.values[k, head]))
                if amount:
                    line += [self.terms.setdefault(added.terms[k], len(self.terms)), amount]
            lines.append(line)
        return lines


def function_words(languages: Sequence[str]) -> list[str]:
    """Words without content in these languages; none of a language that has no list."""
    path = files("sahelclf.reports") / "function_words.yaml"
    lists = yaml.safe_load(path.read_text(encoding="utf-8"))
    return sorted({word for name in languages for word in lists.get(name, "").split()})


def analyzers_of(blocks: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """How the terms of each block of features are cut, by the block's name."""
    return {str(b["name"]): str(b["analyzer"]) for b in blocks}


def _thousandths(values: np.ndarray) -> list[int]:
    return [int(v) for v in np.rint(1000 * np.asarray(values, dtype=float))]
