"""From answers to a corpus: what `annotate import` does."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.annotation.answers import ReadAnswers
    from sahelclf.annotation.batch import Batch
    from sahelclf.annotation.importing import Imported
    from sahelclf.corpus.edit import CorpusEdit


def import_batch(
    batch: str | Path,
    files: Sequence[str | Path],
    corpus: str | Path,
    *,
    codebook: str | Path | None = None,
    annotator: str | None = None,
    tool: str | None = None,
) -> "Imported":
    """Add annotators' answers to a corpus, or make it; doing so twice changes nothing.

    Parameters
    ----------
    batch
        The folder that `annotate sample` wrote.
    files
        What the annotators sent back, or what their tool exported.
    corpus
        A folder in the form of `annotations/`; a new one is made.
    codebook
        Codebook of a new corpus; the batch's by default.
    annotator
        Name of the annotator of all files, where the files do not give it.
    tool
        Tool of the files; recognised by default.

    Raises
    ------
    RequestError
        With every problem of all files; nothing was written then.
    """
    from sahelclf.annotation.batch import read_batch
    from sahelclf.annotation.checks import raise_all
    from sahelclf.annotation.importing import import_answers

    opened = read_batch(Path(batch))
    edit = _corpus(Path(corpus), opened, Path(codebook) if codebook else None)
    parts: list[ReadAnswers] = []
    problems: list[str] = []
    for name in files:
        try:
            parts.append(_read(Path(name), opened, annotator, tool))
        except RequestError as error:
            problems += error.problems
    if problems:
        raise_all([*problems, *(p for part in parts for p in part.problems)])
    return import_answers(opened, parts, edit)


def _read(path: Path, batch: "Batch", annotator: str | None, tool: str | None) -> "ReadAnswers":
    from sahelclf.annotation import tools

    if not path.exists():
        raise RequestError(f"{path}: no such file; expected answers to {batch.root}")
    return tools.tool(tool or tools.recognise(path)).read(path, batch, annotator)


def _corpus(root: Path, batch: "Batch", codebook: Path | None) -> "CorpusEdit":
    """The corpus to add to; a new one where the folder does not exist or is empty."""
    from sahelclf.annotation.batch import CODEBOOK
    from sahelclf.codebook import read_codebook
    from sahelclf.corpus.edit import CorpusEdit

    if root.exists() and not root.is_dir():
        raise RequestError(f"{root}: a file; expected the folder of a corpus")
    given = read_codebook(codebook) if codebook else None
    if root.exists() and any(root.iterdir()):
        edit = CorpusEdit.open(root)
        if given is not None and given != edit.codebook:
            raise RequestError(
                f"{codebook}: is not the codebook of {root}; leave out --codebook, or name a new "
                "folder with --corpus"
            )
        return edit
    source = codebook or batch.root / CODEBOOK
    return CorpusEdit(root, given or batch.codebook, source.read_bytes())
