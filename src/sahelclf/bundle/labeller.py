"""A bundle that labels texts and pages, as Python objects or as the design's rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.bundle.load import open_bundle
from sahelclf.corpus.language import READ_OF_DOCUMENT, recognise
from sahelclf.corpus.pages import Page, clean_text_page
from sahelclf.errors import BundleError, RequestError
from sahelclf.evaluation import decide
from sahelclf.models.kinds import kind_of, read_labeller
from sahelclf.models.runtime.encoder import (
    SMALL_GRAPH,
    BlendLabeller,
    EmbeddingLabeller,
    OnnxLabeller,
)
from sahelclf.models.runtime.linear import WORDS, PlainLabeller, Reader, sigmoid, split_heads

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
LONGEST_NGRAM = 8
LARGEST_NUMBER = 1e9


class Labeller:
    """A bundle, loaded. Rows are the design's JSON objects; `frame` gives the flat table."""

    def __init__(self, manifest: dict[str, Any], runtime: Reader) -> None:
        self.manifest = manifest
        self.runtime = runtime
        self.graph = ""
        self.folder: Path | None = None  # that it was loaded from
        self.topics: tuple[str, ...] = tuple(manifest["topics"])
        self.stances: tuple[str, ...] = tuple(manifest["stances"])
        self.languages: tuple[str, ...] = tuple(manifest["codebook"]["languages"])
        documents = manifest["documents"]
        self._scale, self._offset, self._thresholds = (
            np.array([documents[name][t] for t in self.topics])
            for name in ("scale", "offset", "thresholds")
        )

    @classmethod
    def load(cls, folder: str | Path, *, fast: bool = False) -> "Labeller":
        """Load a bundle folder; it is checked first, and refused where a byte of it has changed.

        `fast` reads with the eight-bit graph of a transformer, where its bundle has one, and again in float32 what is near a decision.
        """
        manifest = open_bundle(Path(folder))
        if fast:
            _need_small_graph(folder, manifest)
        try:
            _check_manifest(manifest)
            runtime = (
                OnnxLabeller.load(folder, fast=True)
                if fast
                else read_labeller(kind_of(manifest), Path(folder))
            )
            labeller = cls(manifest, runtime)
            labeller.graph, labeller.folder = SMALL_GRAPH if fast else "", Path(folder)
            _check_runtime(runtime)
        except (ModuleNotFoundError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # what a hostile file makes numpy, json or onnxruntime raise; a panic in Rust is no Exception
            raise BundleError(f"{folder}: not readable as a labeller: {error!r}") from error
        return labeller

    @property
    def changed_by_fast(self) -> str | None:
        """How often the eight-bit graph decides otherwise, as measured when the bundle was written; None without it."""
        if not self.graph:
            return None
        form = self.manifest["forms"][self.graph]
        topics, stances = f"{form['topics_flipped']:.2%}", f"{form['stances_flipped']:.2%}"
        return f"--fast: decides {topics} of topics and {stances} of stances otherwise than float32 (on {form['texts']} texts, most of which it was trained on)"

    def predict(
        self,
        texts: Sequence[str],
        ids: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[Row]:
        """One row a passage, in order; ids default to row numbers from 0, languages to what is recognised."""
        if isinstance(texts, str):
            raise RequestError(
                "predict takes a sequence of texts, found one text; put it in a list"
            )
        texts = list(texts)
        strangers = [i for i, t in enumerate(texts) if not isinstance(t, str)]
        if strangers:
            raise RequestError(
                f"predict takes texts; found {texts[strangers[0]]!r} at position {strangers[0]} ({len(strangers)} in all)"
            )
        names = [str(i) for i in (range(len(texts)) if ids is None else ids)]
        if len(names) != len(texts):
            raise RequestError(
                f"predict: {len(texts)} texts and {len(names)} ids; expected as many"
            )
        p, stance = self._probabilities(texts)
        spoken = map(recognise, texts) if languages is None else languages
        return [
            _row(i, "passage", s, self._topics(p[k], stance[k]))
            for k, (i, s) in enumerate(zip(names, spoken, strict=True))
        ]

    def predict_pages(self, pages: Sequence[Page], ids: Sequence[str]) -> list[Row]:
        """Cleaned pages at both levels, their passages read together; see the design for the row of a document."""
        if not pages:
            return []
        p, stance = self._probabilities([s.text for page in pages for s in page.passages])
        edges = np.cumsum([len(page.passages) for page in pages])[:-1]
        parts = zip(pages, ids, np.split(p, edges), np.split(stance, edges), strict=True)
        return [self._page_row(page, i, q, s) for page, i, q, s in parts]

    def predict_page(self, page: Page, id_: str) -> Row:
        """One cleaned page."""
        return self.predict_pages([page], [id_])[0]

    def _page_row(self, page: Page, id_: str, p: np.ndarray, stance: np.ndarray) -> Row:
        passages = list(page.passages)
        pooled, mean, evidence = decide.pool(
            p, stance, decide.word_counts([s.text for s in passages]), np.array([0])
        )
        document_p = sigmoid(pooled * self._scale + self._offset)[0]
        topics = self._topics(document_p, mean[0], self._thresholds)
        for k, topic in enumerate(self.topics):
            topics[topic]["evidence"] = int(evidence[0, k])
        row = _row(id_, "document", recognise(page.text, READ_OF_DOCUMENT), topics)
        row |= {"title": page.title or None, "date": page.date}
        row["passages"] = [
            _row(f"{id_}#{k}", "passage", recognise(s.text), self._topics(p[k], stance[k]))
            | {"text": s.text, "start": s.start, "end": s.end}
            for k, s in enumerate(passages)
        ]
        row["dropped"] = [{"text": d.text, "reason": d.reason} for d in page.dropped]
        if page.stories > 1:
            row["stories"] = page.stories
        return row

    def predict_document(self, text: str, id_: str = "0") -> Row:
        """Clean a page of plain text, cut it, and label it at both levels."""
        page = clean_text_page(text, self.languages)
        if not page.passages:
            raise RequestError(f"document {id_}: no text is left after cleaning")
        return self.predict_page(page, id_)

    def frame(self, texts: Sequence[str], ids: Sequence[str] | None = None) -> "pd.DataFrame":
        """The flat table of passages."""
        import pandas as pd

        return pd.DataFrame(
            [
                flat
                for row in self.predict(texts, ids)
                for flat in flat_rows(row, self.topics, self.stances)
            ]
        )

    def _probabilities(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        return split_heads(sigmoid(self.runtime.logits(texts)), len(self.topics), len(self.stances))

    def _topics(
        self, p: np.ndarray, stance: np.ndarray, thresholds: np.ndarray | None = None
    ) -> dict[str, Any]:
        thresholds = self.runtime.thresholds if thresholds is None else thresholds
        found: dict[str, Any] = {}
        for k, topic in enumerate(self.topics):
            holds = bool(p[k] >= thresholds[k])
            found[topic] = {
                "probability": round(float(p[k]), 6),
                "holds": holds,
                "stance": self.stances[int(stance[k].argmax())] if holds else None,
                "stance_probability": {
                    s: round(float(x), 6) for s, x in zip(self.stances, stance[k], strict=True)
                },
            }
        return found


def _row(id_: str, unit: str, language: str, topics: dict[str, Any]) -> Row:
    return {"id": id_, "unit": unit, "language": language, "topics": topics}


def _need_small_graph(folder: str | Path, manifest: dict[str, Any]) -> None:
    forms = manifest.get("forms")
    if not kind_of(manifest).transformers_layout or not isinstance(forms, dict):
        raise RequestError(
            f"{folder}: --fast is for transformers, and this labeller is {manifest.get('model')!r}; leave --fast away"
        )
    form = forms.get(SMALL_GRAPH)
    measured = isinstance(form, dict) and all(
        isinstance(form.get(k), int | float) for k in ("topics_flipped", "stances_flipped", "texts")
    )
    if SMALL_GRAPH not in manifest["files"] or not measured:
        left = forms.get("left_out", {})
        reason = left.get(SMALL_GRAPH) if isinstance(left, dict) else None
        why = (
            f": {reason}"
            if isinstance(reason, str)
            else f": it changed too many decisions ({reason})"
            if reason
            else ""
        )
        raise RequestError(f"{folder}: this bundle has no {SMALL_GRAPH}{why}; leave --fast away")


def _check_manifest(manifest: dict[str, Any]) -> None:
    pooling, languages = manifest["documents"]["pooling"], manifest["codebook"]["languages"]
    if pooling != decide.POOLING:
        raise ValueError(f"pooling {pooling!r}; this sahelclf knows {decide.POOLING!r}")
    if not all(
        isinstance(name, str)
        for name in [
            *languages,
            *manifest["topics"],
            *manifest["stances"],
            *manifest["training_texts"],
        ]
    ):
        raise TypeError("languages, topics, stances or training_texts that are no text")
    for name in ("scale", "offset", "thresholds"):
        for topic in manifest["topics"]:
            value = manifest["documents"][name][topic]
            if not isinstance(value, int | float) or not abs(value) <= LARGEST_NUMBER:
                raise ValueError(f"documents.{name}.{topic}: {value!r}; expected a number")


def _check_runtime(runtime: Reader) -> None:
    """Shapes fit together, numbers are finite, and the token pattern is ours: a pattern can be made to run for ever."""
    expected = [*runtime.topics, *(f"{t}={s}" for t in runtime.topics for s in runtime.stances)]
    if runtime.heads != expected:
        raise ValueError(f"heads {runtime.heads[:6]}…; expected the topics, then topic=stance")
    if (
        runtime.thresholds.shape != (len(runtime.topics),)
        or not np.isfinite(runtime.thresholds).all()
    ):
        raise ValueError(f"thresholds {runtime.thresholds}; expected a finite one for each topic")
    if isinstance(runtime, PlainLabeller):
        _check_plain(runtime, len(expected))
    if isinstance(runtime, BlendLabeller | EmbeddingLabeller):
        _check_plain(runtime.terms, len(expected))
    if isinstance(runtime, EmbeddingLabeller):
        _check_vectors(runtime.vectors, len(expected))
    reads = (
        [runtime.encoder.outputs, runtime.quick.outputs]
        if isinstance(runtime, OnnxLabeller) and runtime.quick
        else [runtime.logits]
    )
    for read in reads:
        logits = read(["a golden text of five words"])
        if logits.shape != (1, len(expected)) or not np.isfinite(logits).all():
            raise ValueError(
                f"logits {logits} for one text; expected {len(expected)} finite numbers"
            )


def _check_vectors(weights: np.ndarray, n_heads: int) -> None:
    if weights.ndim != 2 or weights.shape[1] != n_heads or not np.isfinite(weights).all():
        raise ValueError(
            f"vectors' weights of shape {weights.shape}; expected finite ones for {n_heads} heads"
        )


def _check_plain(runtime: PlainLabeller, n_heads: int) -> None:
    n_terms = sum(len(block["terms"]) for _, block, _ in runtime.blocks)
    shapes = (runtime.coef.shape, runtime.intercept.shape)
    if shapes != ((n_terms, n_heads), (n_heads,)):
        raise ValueError(f"weights of shapes {shapes}; expected {n_terms} terms by {n_heads} heads")
    for _, block, idf in runtime.blocks:
        if idf.shape != (len(block["terms"]),) or not np.isfinite(idf).all():
            raise ValueError(
                f"block {block['name']!r}: idf of shape {idf.shape}; expected {len(block['terms'])} finite numbers"
            )
        if block["token_pattern"] not in {WORDS, None} or max(block["ngram_range"]) > LONGEST_NGRAM:
            raise ValueError(
                f"block {block['name']!r}: token pattern or ngram_range that no sahelclf writes"
            )
    if not (np.isfinite(runtime.coef).all() and np.isfinite(runtime.intercept).all()):
        raise ValueError("weights that are not finite")


def flat_rows(row: Row, topics: Sequence[str], stances: Sequence[str]) -> list[Row]:
    """A row as lines of the flat table: a document, then its passages."""
    flat = [_flat(row, None, topics, stances)]
    return flat + [_flat(p, k, topics, stances) for k, p in enumerate(row.get("passages", ()))]


def _flat(row: Row, passage: int | None, topics: Sequence[str], stances: Sequence[str]) -> Row:
    line: Row = {"id": row["id"].rpartition("#")[0] if passage is not None else row["id"]}
    line |= {"unit": row["unit"], "passage": passage, "language": row["language"]}
    for topic in topics:
        t = row["topics"][topic]
        line |= {
            f"{topic}_probability": t["probability"],
            f"{topic}_holds": t["holds"],
            f"{topic}_stance": t["stance"],
        }
        line |= {f"{topic}_{s}": t["stance_probability"][s] for s in stances}
    return line
