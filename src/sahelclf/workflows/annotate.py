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


def annotate_import(
    batch: str | Path,
    files: Sequence[str | Path],
    corpus: str | Path,
    *,
    codebook: str | Path | None = None,
    annotator: str | None = None,
    tool: str | None = None,
    correct: bool = False,
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
    correct
        Answers that differ from what the same annotator answered before correct that. They decide
        on the label; agreement stays that of the first answers.

    Returns
    -------
    Imported
        `.new`, `.known`, `.corrected` and `.missing` count answers by annotator; `.undecided` are
        the units that need a decision; `.files` were written.

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
    return import_answers(opened, parts, edit, correct=correct)


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


def annotate_adjudicate(
    corpus: str | Path,
    decisions: str | Path | None = None,
    *,
    out: str | Path | None = None,
    decided_by: str = "",
    rule: str | None = None,
) -> "Decided":
    """Write the units to decide, or add decisions to `adjudication.jsonl`, with their labels.

    Parameters
    ----------
    decisions
        The filled sheet, or what the page saved.
    out
        File to write, in place of decisions: a page (`.html`) or a sheet (`.csv`, `.xlsx`).
    decided_by
        Who decided.
    rule
        `majority` decides, in place of a file, where more than half of the annotators gave one
        answer to every topic; `decided_by` and `why` then name the rule.

    Returns
    -------
    Decided
        `.new` and `.known` are the decided units, `.open` those without a decision; `.files` were
        written.

    Raises
    ------
    RequestError
        With every problem of the file; nothing was written then.
    """
    from sahelclf.annotation.adjudication import RULE, cases, decide, majority
    from sahelclf.annotation.decision_sheet import read_decision_sheet
    from sahelclf.annotation.page import read_decisions
    from sahelclf.corpus.edit import CorpusEdit

    if sum(x is not None for x in (out, decisions, rule)) != 1 or rule not in (None, "majority"):
        raise RequestError(
            "annotate adjudicate: expected one of -o FILE, --from FILE and --rule majority"
        )
    if out is not None:
        return _write_cases(Path(corpus), Path(out))
    edit = CorpusEdit.open(Path(corpus))
    if decisions is None:
        return decide(edit, majority(edit), RULE)
    path = Path(decisions)
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


def _write_cases(corpus: Path, path: Path) -> "Decided":
    from sahelclf.annotation.adjudication import Decided, cases
    from sahelclf.annotation.decision_sheet import write_decision_sheet
    from sahelclf.annotation.page import write_decisions_page
    from sahelclf.corpus.edit import CorpusEdit
    from sahelclf.files import refuse_taken

    writers = {
        ".html": write_decisions_page,
        ".csv": write_decision_sheet,
        ".xlsx": write_decision_sheet,
    }
    if path.suffix.lower() not in writers:
        raise RequestError(
            f"{path}: unknown form {path.suffix!r}; expected one of {', '.join(writers)}"
        )
    refuse_taken(path)
    edit = CorpusEdit.open(corpus)
    to_decide = cases(edit)
    if not to_decide:
        raise RequestError(f"{corpus}: no unit to decide: annotators agree, or all are decided")
    writers[path.suffix.lower()](path, edit.codebook, to_decide)
    return Decided(open=[case.unit for case in to_decide], files=[path])
