"""The labeller of a bundle: texts and pages in, rows out."""

import warnings
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf import __version__
from sahelclf.bundle.folds import MEAN, FoldReaders, Limits, Probabilities, mixture
from sahelclf.bundle.frames import add_readable, checked_texts, input_table
from sahelclf.bundle.load import check_manifest, open_bundle, require_small_graph
from sahelclf.bundle.rows import Row, flat_columns, flat_row, json_row, topic_values
from sahelclf.corpus.language import READ_OF_DOCUMENT, recognise_all
from sahelclf.corpus.pages import Page, clean_text_page
from sahelclf.errors import BundleError, RequestError
from sahelclf.evaluation import decide
from sahelclf.evaluation.provenance import BundleIdentity, Provenance
from sahelclf.files import file_sha256
from sahelclf.models.kinds import kind_of, read_labeller
from sahelclf.models.runtime.checks import check_reader
from sahelclf.models.runtime.encoder import SMALL_GRAPH, OnnxLabeller
from sahelclf.models.runtime.linear import Reader, sigmoid, split_heads

if TYPE_CHECKING:
    import pandas as pd


class Labeller:
    """A loaded bundle; `topics` and `stances` are in the order of the codebook."""

    def __init__(self, manifest: dict[str, Any], runtime: Reader) -> None:
        self.manifest = manifest
        self.runtime = runtime
        self.graph = ""
        self.folder: Path | None = None
        self.sha256 = ""
        self.topics: tuple[str, ...] = tuple(manifest["topics"])
        self.stances: tuple[str, ...] = tuple(manifest["stances"])
        self.languages: tuple[str, ...] = tuple(manifest["codebook"]["languages"])
        self.limits = Limits.read(manifest, self.topics)
        self.folds: FoldReaders | None = None

    @classmethod
    def load(cls, folder: str | Path, *, fast: bool = False) -> "Labeller":
        """Load a folder that `sahelclf train` wrote.

        Raises `BundleError` if a file has changed since then.

        `fast` reads with the eight-bit graph of a transformer, and again in float32 the texts that
        are near a decision.
        """
        manifest = open_bundle(Path(folder))
        if fast:
            require_small_graph(folder, manifest)
        try:
            check_manifest(manifest)
            runtime = (
                OnnxLabeller.load(folder, fast=True)
                if fast
                else read_labeller(kind_of(manifest), Path(folder))
            )
            labeller = cls(manifest, runtime)
            labeller.graph, labeller.folder = SMALL_GRAPH if fast else "", Path(folder)
            labeller.sha256 = file_sha256(Path(folder) / "manifest.json")
            check_reader(runtime)
            if manifest.get("folds"):
                labeller.folds = FoldReaders.load(Path(folder), manifest, runtime)
        except (ModuleNotFoundError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # numpy, json, onnxruntime; a panic in Rust is no Exception
            raise BundleError(f"{folder}: not readable as a labeller: {error!r}") from error
        return labeller

    @property
    def changed_by_fast(self) -> str | None:
        """How many decisions the eight-bit graph changes, as measured; None without that graph."""
        if not self.graph:
            return None
        form = self.manifest["forms"][self.graph]
        changed = f"{form['topics_flipped']:.2%} of topics"
        if self.stances:
            changed += f" and {form['stances_flipped']:.2%} of stances"
        return (
            f"--fast: {changed} differ from float32 (on {form['texts']} texts, most of them "
            "training texts)"
        )

    @cached_property
    def provenance(self) -> Provenance:
        """What tables of its predictions say: this bundle, and the texts that it was trained on."""
        names = ("model", "run_id", "created")
        identity = {name: str(self.manifest.get(name, "")) for name in names}
        return Provenance(
            version=__version__,
            bundle=BundleIdentity(**identity, sha256=self.sha256),
            cross_fitted=self.folds is not None,
            training_texts=" ".join(self.manifest["training_texts"]),
        )

    def predict(
        self,
        texts: Sequence[str],
        ids: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
    ) -> list[Row]:
        """One JSON row per passage, in order.

        Raises `RequestError` where a text is missing or not a string.

        The ids are row numbers from 0 unless given; the languages (ISO 639-1) are recognised.
        """
        texts = [self.runtime.clean(t) for t in checked_texts(texts)]
        ids = [str(i) for i in (range(len(texts)) if ids is None else ids)]
        if len(ids) != len(texts):
            raise RequestError(f"predict: {len(texts)} texts and {len(ids)} ids; expected as many")
        if languages is None:
            languages = [found.language for found in recognise_all(texts)]
        fold = self._folds_of(texts)
        p, stance = mixture(self._read(texts, fold), fold)
        return [
            json_row(i, "passage", language, self._topics(p[k], stance[k], fold[k]))
            for k, (i, language) in enumerate(zip(ids, languages, strict=True))
        ]

    def predict_proba(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities of topics for passages, (n, n_topics), from 0 to 1."""
        texts = [self.runtime.clean(t) for t in checked_texts(texts)]
        fold = self._folds_of(texts)
        return mixture(self._read(texts, fold), fold)[0]

    def predict_pages(
        self,
        pages: Sequence[Page],
        ids: Sequence[str],
        languages: Sequence[str] | None = None,
    ) -> list[Row]:
        """JSON rows of cleaned pages with their passages; all passages are read together."""
        if not pages:
            return []
        passages = [s.text for page in pages for s in page.passages]
        texts = [self.runtime.clean(text) for text in passages]
        counts = [len(page.passages) for page in pages]
        edges = np.cumsum(counts)
        folds = np.full(len(pages), MEAN)
        if self.folds:
            folds = self.folds.folds_of_pages(texts, edges[:-1])
        read = self._read(texts, np.repeat(folds, counts))
        if languages is None:
            whole = recognise_all([page.text for page in pages], READ_OF_DOCUMENT)
            languages = [found.language for found in whole]
        of_passages = iter(recognise_all(passages))
        rows = []
        for page, id_, language, fold, end in zip(pages, ids, languages, folds, edges, strict=True):
            first = end - len(page.passages)
            parts = [(p[first:end], stance[first:end]) for p, stance in read]
            of_page = [language, *(next(of_passages).language for _ in page.passages)]
            rows.append(self._page_row(page, id_, of_page, parts, int(fold)))
        return rows

    def _page_row(
        self,
        page: Page,
        id_: str,
        languages: Sequence[str],
        parts: list[Probabilities],
        fold: int,
    ) -> Row:
        """The row of a page; `languages` of the whole, then of each passage."""
        words = decide.word_counts([s.text for s in page.passages])
        p, stance = mixture(parts, np.full(len(words), fold))
        evidence = decide.pool(p, stance, words, np.array([0]))[2]
        limits = self.folds.limits if self.folds else [self.limits]
        whole = [pooled(q, s, words, of) for (q, s), of in zip(parts, limits, strict=True)]
        document_p, mean = mixture(whole, np.array([fold]))
        thresholds = self._limits_of(fold).document_thresholds
        topics = topic_values((self.topics, self.stances), document_p[0], mean[0], thresholds)
        for k, topic in enumerate(self.topics):
            topics[topic]["evidence"] = int(evidence[0, k])
        row = json_row(id_, "document", languages[0], topics)
        row |= {"title": page.title or None, "date": page.date}
        row["passages"] = [
            json_row(f"{id_}#{k}", "passage", language, self._topics(p[k], stance[k], fold))
            | {"text": s.text, "start": s.start, "end": s.end}
            for k, (s, language) in enumerate(zip(page.passages, languages[1:], strict=True))
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
        return self.predict_pages([page], [id_])[0]

    def frame(
        self,
        data: "Sequence[str] | pd.Series[Any] | pd.DataFrame",
        text: str = "text",
        unit: str = "passage",
        *,
        any_language: bool = False,
    ) -> "pd.DataFrame":
        """The flat table: one row a text, with the index of `data`.

        Parameters
        ----------
        data
            Texts, a Series of texts, or a DataFrame. Columns `id` and `title` (of documents) of a
            DataFrame are used where they are there; other ids are row numbers from 0.
        text
            The column of texts in a DataFrame.
        unit
            `"passage"`, or `"document"`: each text is cleaned, cut into passages, and gets one row.
        any_language
            Label texts in languages that the model was not trained on, too.

        Returns
        -------
        pandas.DataFrame
            Columns `id, unit, passage, language` and for each topic `_probability, _holds`, and
            where the codebook has stances `_stance` and one for each of them. A text that is
            empty, missing, or surely in another language has missing values there, and a warning
            says how many there are. `attrs` says which bundle it is, and what it was trained on, to
            `measure`.

        Raises
        ------
        RequestError
            If the column is not there, or a value is neither a text nor missing.
        """
        if unit not in ("passage", "document"):
            raise RequestError(f"unit={unit!r}; expected 'passage' or 'document'")
        table = input_table(data, text)
        clean, languages = self.runtime.clean, self.languages
        add_readable(table, unit, clean, languages, any_language=any_language)
        good = table[table["reason"].isna()]
        if unit == "document":
            rows = self.predict_pages([*good["page"]], [*good["id"]])
        else:
            rows = self.predict([*good["text"]], [*good["id"]], [*good["language"]])
        labelled = iter(rows)
        lines = [
            flat_row(next(labelled), self.topics, self.stances)
            if reason is None
            else {"id": id_, "unit": unit, "language": language}
            for id_, language, reason in zip(
                table["id"], table["language"], table["reason"], strict=True
            )
        ]
        for reason, n in table["reason"].value_counts().items():
            warnings.warn(f"{n:,} of {len(table):,} texts have no labels: {reason}", stacklevel=2)
        return self._flat_frame(lines, table.index)

    def _flat_frame(self, lines: list[Row], index: "pd.Index[Any]") -> "pd.DataFrame":
        import pandas as pd

        types = flat_columns(self.topics, self.stances)
        frame = pd.DataFrame(lines, columns=[*types], index=index)
        frame = frame.astype({n: "boolean" for n, kind in types.items() if kind == "boolean"})
        frame.attrs |= self.provenance.attrs
        return frame

    def _folds_of(self, texts: Sequence[str]) -> np.ndarray:
        return self.folds.folds_of(texts) if self.folds else np.full(len(texts), MEAN)

    def _read(self, texts: Sequence[str], fold: np.ndarray) -> list[Probabilities]:
        """Of the bundle's model, or of each of its folds."""
        read = self.folds.read(texts, fold) if self.folds else [self.runtime.clean_logits(texts)]
        sizes = len(self.topics), len(self.stances)
        return [split_heads(sigmoid(logits), *sizes) for logits in read]

    def _limits_of(self, fold: int) -> Limits:
        return self.folds.limits[fold] if self.folds and fold != MEAN else self.limits

    def _topics(self, p: np.ndarray, stance: np.ndarray, fold: int) -> dict[str, Any]:
        thresholds = self._limits_of(fold).thresholds
        return topic_values((self.topics, self.stances), p, stance, thresholds)


def pooled(p: np.ndarray, stance: np.ndarray, words: np.ndarray, limits: Limits) -> Probabilities:
    """(1, …) probabilities of a document, from those of its passages."""
    logits, mean, _ = decide.pool(p, stance, words, np.array([0]))
    return sigmoid(logits * limits.scale + limits.offset), mean
