"""Units drawn for annotation, from a collection or from a corpus: what `annotate sample` does."""

import hashlib
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.errors import RequestError
from sahelclf.predict.rows import COLUMN_ROLES, Columns

if TYPE_CHECKING:
    from sahelclf.annotation.batch import Batch, BatchUnit
    from sahelclf.predict.rows import Item
    from sahelclf.workflows.frame import Chosen, Frame

LOG = logging.getLogger(__name__)
OURS = "codebook: %s, of the packaged corpus; name yours with --corpus or --codebook"


@dataclass(frozen=True)
class For:
    """Whom a batch is for; `overlap` is the share of the units that all annotators get."""

    tools: Sequence[str] = ("page", "sheet")
    annotators: Sequence[str] = ()
    overlap: float = 1.0


@dataclass(frozen=True)
class How:
    """How units of a collection are drawn; by default all with the same probability.

    Attributes
    ----------
    by
        Strata: columns of the collection, `year`, `quarter` or `month` of the date, or
        `probability` of the predictions.
    predictions
        What `predict` wrote for the collection.
    next_by
        Bundle, or table that `predict` wrote: units are drawn more often where it is unsure, at
        most one of a document or of near-duplicates.
    first
        The same without a model: the same sum of probabilities for every topic of the dictionary
        of the corpus; by chance where it has no `keywords.yaml`.
    random
        The share that is drawn by chance, where `next_by` or `first` draws the rest.
    suggest
        Bundle or table whose answers annotators are shown; True for that of `next_by`.
    """

    by: Sequence[str] = ()
    predictions: str | None = None
    next_by: str | None = None
    first: bool = False
    random: float = 0.4
    suggest: str | bool | None = None

    def check(self) -> None:
        """Raise with everything that does not go together."""
        named = {"--by": self.by, "--next": self.next_by, "--first": self.first}
        ways = [name for name, given in named.items() if given]
        problems = []
        if len(ways) > 1:
            problems.append(f"annotate sample: found {' and '.join(ways)}; expected one of them")
        if "probability" in self.by and not self.predictions:
            problems.append(
                "annotate sample: --by probability needs --predictions TABLE, the output of "
                "predict for the collection"
            )
        if self.predictions and (self.next_by or self.first):
            problems.append(
                "annotate sample: --predictions goes with --by; give the table to --next"
            )
        if not 0 < self.random <= 1:
            problems.append(
                f"annotate sample: --random {self.random}; expected more than 0 and at most 1, so "
                "that every unit can be drawn"
            )
        if self.suggest is True and not self.next_by:
            problems.append("annotate sample: --suggest needs a MODEL where there is no --next")
        if problems:
            raise RequestError(problems)

    def draw(self, frame: "Frame", corpus: Path) -> "tuple[Chosen, dict[str, Any]]":
        """The drawn units, and the strategy as `batch.json` names it."""
        from sahelclf.workflows.frame import draw_next, draw_strata, with_suggestions

        strategy: dict[str, Any] = {"n": frame.n}
        if self.next_by or self.first:
            chosen = draw_next(frame, corpus, self.next_by, self.random)
            strategy |= {"name": "next" if self.next_by else "first", "random": self.random}
            strategy |= {"labelled_before": [*chosen.labelled_before]}
        else:
            chosen = draw_strata(frame, self.by, self.predictions)
            strategy |= {"name": "strata", "by": [*self.by]}
        if self.suggest:
            model = str(self.next_by if self.suggest is True else self.suggest)
            chosen = with_suggestions(frame, chosen, model)
            strategy |= {"suggest": model}
        return chosen, strategy


def annotate_sample(
    input: str | Path | None = None,  # noqa: A002 - the name that the command has for it
    *,
    out: str | Path,
    n: int = 100,
    seed: int = 0,
    tools: Sequence[str] = ("page", "sheet"),
    annotators: Sequence[str] = (),
    overlap: float = 1.0,
    corpus: str | Path | None = None,
    codebook: str | Path | None = None,
    unit: str | None = None,
    **settings: Any,
) -> "Batch":
    """Draw units to annotate, with known probabilities, and write them for the annotators.

    Parameters
    ----------
    input
        The collection, as `predict_file` takes it. Without it, passages of the corpus are drawn,
        equally many of each topic and stance.
    out
        Folder of the batch; a new one.
    tools
        What the annotators get, by the names of `annotate sample --to`.
    annotators, overlap
        Files for each; `overlap` is the share of the units that all of them get.
    corpus
        Folder with the codebook, the `keywords.yaml` and the labels so far.
    codebook
        File of topics and stances, where there is no corpus yet.
    unit
        `"passage"` or `"document"`, as in `predict_file`.
    settings
        Columns `text`, `id`, `title`, `date`; how units are drawn: the fields of `How`.

    Returns
    -------
    Batch
        `.root` is its folder, `.units` are the drawn units, `.info` says how they were drawn.

    Raises
    ------
    RequestError
        With all that does not go together, and units that cannot join the corpus.
    """
    for_whom = For(tools, annotators, overlap)
    folder = None if corpus is None else str(corpus)
    if input is None:
        given = [k for k, v in {"codebook": codebook, "unit": unit, **settings}.items() if v]
        if given:
            raise RequestError(f"annotate sample: {', '.join(given)}: needs the collection")
        return sample_corpus(folder, Path(out), for_whom, n=n, seed=seed)
    columns = Columns(**{k: settings.pop(k) for k in COLUMN_ROLES if k in settings})
    book = None if codebook is None else str(codebook)
    of_input: dict[str, Any] = {"unit": unit, "columns": columns, "codebook": book}
    draw: dict[str, Any] = {"n": n, "seed": seed, "corpus": folder}
    return sample_collection(str(input), Path(out), for_whom, How(**settings), **draw, **of_input)


def sample_corpus(
    folder: str | None, out: Path, for_whom: For, *, n: int = 100, seed: int = 0
) -> "Batch":
    """Draw passages of a corpus, equally many of each topic and stance, for a check by hand.

    The batch does not show the strata, as these are the labels.
    """
    from sahelclf.annotation.batch import CODEBOOK, BatchUnit
    from sahelclf.annotation.sampling import draw_evenly, passage_strata
    from sahelclf.annotation.units import unit_check
    from sahelclf.corpus.read import corpus_root, read_corpus

    corpus = read_corpus(corpus_root(folder))
    if not folder:
        LOG.info(OURS, corpus.codebook.title)
    passages = corpus.passages
    rows, chances = draw_evenly(passage_strata(corpus), n, seed, f"the passages of {corpus.root}")
    units = [
        BatchUnit(
            unit=p.id,
            text=p.text,
            title=corpus.document[p.document_id].title,
            check=unit_check(p.id, float(chance), "", p.text),
            sampling_probability=float(chance),
            document=p.document_id,
        )
        for p, chance in zip((passages[r] for r in rows), chances, strict=True)
    ]
    about: dict[str, Any] = {"collection": str(corpus.root), "collection_sha256": corpus.sha256}
    about |= {"collection_units": len(passages), "strategy": {"name": "labels", "n": n}}
    return _write(out, units, corpus.root / CODEBOOK, for_whom, seed, about)


def sample_collection(
    source: str,
    out: Path,
    for_whom: For,
    how: How,
    *,
    n: int = 100,
    seed: int = 0,
    unit: str | None = None,
    columns: Columns | None = None,
    corpus: str | None = None,
    codebook: str | None = None,
) -> "Batch":
    """Draw units of a collection for annotation, with known probabilities.

    Parameters
    ----------
    source, unit, columns
        The collection, as `predict` takes it.
    out
        Folder of the batch; a new one.
    corpus, codebook
        The codebook is the corpus's, unless it is named; without a corpus, the codebook's folder
        is one. The labels of the corpus say which topics are rare so far; `--next` and `--first` do
        not draw its texts again.
    """
    from sahelclf.annotation.tools import tool
    from sahelclf.codebook import read_codebook
    from sahelclf.corpus.read import corpus_root
    from sahelclf.workflows.frame import Frame, batch_units, read_items

    how.check()
    for name in for_whom.tools:
        tool(name)
    if corpus is None and codebook is not None:
        folder = Path(codebook).parent
    else:
        folder = Path(corpus) if corpus else corpus_root(None)
    path = Path(codebook) if codebook else folder / "codebook.yaml"
    book = read_codebook(path)
    if corpus and not codebook:
        LOG.info(f"codebook: {path} ({book.title}), that of --corpus")
    elif not codebook:
        LOG.info(OURS, book.title)
    items = read_items(source, unit, columns or Columns())
    frame = Frame(source, items, book, n, seed)
    chosen, strategy = how.draw(frame, folder)
    read_as = {"unit": unit, **asdict(columns or Columns())}
    strategy |= {name: value for name, value in read_as.items() if value}
    about = {
        "collection": source,
        "collection_sha256": _hash(items),
        "collection_units": len(items),
        "bundle": how.next_by or how.predictions,
        "strategy": strategy,
    }
    units = batch_units(frame, chosen)
    if corpus or codebook:
        _refuse_conflicts(source, units, folder)
    return _write(out, units, path, for_whom, seed, about)


def _refuse_conflicts(source: str, units: "Sequence[BatchUnit]", corpus: Path) -> None:
    """Raise with the units whose answers could not be imported into the corpus."""
    from sahelclf.annotation.checks import raise_all
    from sahelclf.annotation.importing import id_conflict
    from sahelclf.corpus.edit import CorpusEdit

    if not (corpus / "passages.jsonl").is_file():
        return
    edit = CorpusEdit.open(corpus)
    problems = [f"{source}: {found}" for u in units if (found := id_conflict(u, edit))]
    if problems:
        raise_all(problems)


def _write(
    out: Path,
    units: "Sequence[BatchUnit]",
    codebook: Path,
    for_whom: For,
    seed: int,
    about: dict[str, Any],
) -> "Batch":
    """Assign the units, write the batch and each tool's files."""
    from pydantic import ValidationError

    from sahelclf.annotation.batch import BatchInfo, write_batch
    from sahelclf.annotation.sampling import assign
    from sahelclf.annotation.tools import tool
    from sahelclf.codebook import validation_problems
    from sahelclf.files import file_sha256

    tools = [tool(name) for name in for_whom.tools]
    names = [*for_whom.annotators]
    if len({name.lower() for name in names}) < len(names):
        raise RequestError(
            f"annotate sample: --annotators {', '.join(names)}: a name twice; expected different "
            "names, in other letters than capital and small"
        )
    try:
        info = BatchInfo(
            **about,
            seed=seed,
            codebook_sha256=file_sha256(codebook),
            annotators=names,
            overlap=for_whom.overlap,
            tools=[*for_whom.tools],
        )
    except ValidationError as error:
        raise RequestError(validation_problems(error, "annotate sample")) from None
    assigned = assign(len(units), info.annotators, info.overlap)
    given = [
        u.model_copy(update={"annotators": who}) for u, who in zip(units, assigned, strict=True)
    ]
    batch = write_batch(out, info, codebook, given)
    for module in tools:
        module.write(batch)
    return batch


def _hash(items: "Iterable[Item]") -> str:
    """Hash of the ids and texts of a collection, in order."""
    digest = hashlib.sha256()
    for item in items:
        digest.update(f"{item.id}\x1f{item.text}\x1e".encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
