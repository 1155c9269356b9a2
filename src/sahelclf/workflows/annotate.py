"""From answers to a corpus: what `annotate import` and `annotate adjudicate` do."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sahelclf.errors import RequestError

if TYPE_CHECKING:
    from sahelclf.annotation.adjudication import Decided
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
        Name of the annotator, where a file names none; where it names one, both must agree. Or
        names for those in the files, which may be ids: `3=anna,4=ben`.
    tool
        Tool of the files; recognised by default.

    Raises
    ------
    RequestError
        With every problem of all files; nothing was written then.
    """
    from sahelclf.annotation.batch import read_batch
    from sahelclf.annotation.checks import merge_problems, raise_all
    from sahelclf.annotation.importing import import_answers

    opened = read_batch(Path(batch))
    edit = _corpus(Path(corpus), opened, Path(codebook) if codebook else None)
    read: list[tuple[Path, ReadAnswers]] = []
    problems: list[str] = []
    for name in files:
        try:
            read.append((Path(name), _read(Path(name), opened, annotator, tool)))
        except RequestError as error:
            problems += error.problems
    merge_problems(opened, read)
    parts = [part for _, part in read]
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


def write_cases(corpus: str | Path, out: str | Path) -> int:
    """Write the units to decide as a page (`.html`) or a sheet (`.csv`); returns how many."""
    from sahelclf.annotation.adjudication import cases
    from sahelclf.annotation.decision_sheet import write_decision_sheet
    from sahelclf.annotation.page import write_decisions_page
    from sahelclf.corpus.edit import CorpusEdit
    from sahelclf.files import refuse_taken

    path = Path(out)
    writers = {".html": write_decisions_page, ".csv": write_decision_sheet}
    if path.suffix.lower() not in writers:
        raise RequestError(f"{path}: unknown form {path.suffix!r}; expected .html or .csv")
    refuse_taken(path)
    edit = CorpusEdit.open(Path(corpus))
    to_decide = cases(edit)
    if not to_decide:
        raise RequestError(f"{corpus}: no unit to decide: annotators agree, or all are decided")
    writers[path.suffix.lower()](path, edit.codebook, to_decide)
    return len(to_decide)


def adjudicate(
    corpus: str | Path,
    file: str | Path | None = None,
    *,
    decided_by: str = "",
    rule: str | None = None,
) -> "Decided":
    """Add decisions to `adjudication.jsonl`, and the labels that follow.

    Parameters
    ----------
    file
        The filled sheet, or what the page saved.
    decided_by
        Who decided.
    rule
        `majority` decides, in place of a file, where more than half of the annotators gave one
        answer to every topic; `decided_by` and `why` then name the rule.
    """
    from sahelclf.annotation.adjudication import RULE, cases, decide, majority
    from sahelclf.annotation.decision_sheet import read_decision_sheet
    from sahelclf.annotation.page import read_decisions
    from sahelclf.corpus.edit import CorpusEdit

    if (file is None) == (rule is None) or rule not in (None, "majority"):
        raise RequestError("adjudicate: expected a file of decisions, or the rule majority")
    edit = CorpusEdit.open(Path(corpus))
    if file is None:
        return decide(edit, majority(edit), RULE)
    path = Path(file)
    if not path.exists():
        raise RequestError(f"{path}: no such file; expected the filled sheet, or a page's file")
    if not decided_by.strip():
        raise RequestError(f"{path}: who decided? expected a name (--annotator NAME)")
    sheet = path.suffix.lower() in (".csv", ".tsv", ".xlsx")
    read = (read_decision_sheet if sheet else read_decisions)(
        path, edit.codebook, cases(edit, decided=True)
    )
    decided = decide(edit, read.decisions, decided_by.strip(), read.problems)
    decided.left_out = read.left_out
    return decided
