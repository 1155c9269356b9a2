"""Label a file, a folder or standard input: what `predict` does, callable from Python."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sahelclf.workflows.bundles import local_bundle

if TYPE_CHECKING:
    from sahelclf.predict.inputs import Source
    from sahelclf.predict.intake import Intake
    from sahelclf.predict.messages import Summary


def predict_file(
    model: str | Path,
    input: str | Path,  # noqa: A002 - the name that the command has for it
    out: str | Path | None = None,
    *,
    unit: str | None = None,
    fast: bool = False,
    sink: Callable[[Sequence[dict[str, Any]]], object] | None = None,
    show: Callable[[int, int], None] = lambda _done, _of: None,
    **settings: Any,
) -> "Summary":
    """Label rows or pages and write them, as `python -m sahelclf predict` does.

    Parameters
    ----------
    model
        Bundle folder, `runs:/…`, `models:/…`, or `default` for the labeller of the packaged corpus.
    input
        File, folder, pattern, or `-` for standard input.
    out
        File to write; its ending says the form. None: the rows are in `Summary.rows`, or go to
        `sink`, some at a time.
    unit
        `"passage"` (default for rows) or `"document"` (default for pages).
    fast
        Use a transformer's eight-bit weights.
    show
        Receives how many rows are done and of how many, after each batch.
    settings
        Columns `text`, `id`, `title`, `date`; how tables are read: `delimiter`, `encoding`,
        `quoting` (`"quotes"`, `"backslash"`, `"none"`), `sheet`; `unique_ids`; and the job's
        `resume`, `any_language`, `duplicates`, `engine`, `workers`, `with_text`, `overwrite`.

    Raises
    ------
    RequestError
        The input or a setting cannot be used.
    SahelclfError
        No row could be labelled, or the output could not be written.
    """
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.predict.run import Options, predict

    names = Options.__dataclass_fields__
    options = Options(**{k: settings.pop(k) for k in [*settings] if k in names})
    source = _source(input, unit, settings)
    target = None if out is None else Path(out)
    with local_bundle(str(model)) as folder:
        return predict(Labeller.load(folder, fast=fast), source, target, options, sink, show)


def check_file(input: str | Path, *, unit: str | None = None, **settings: Any) -> "Intake":  # noqa: A002
    """Read an input to its end and report what is in it; settings as in `predict_file`."""
    return _source(input, unit, settings).scan(pages=True)


def _source(name: str | Path, unit: str | None, settings: dict[str, Any]) -> "Source":
    from sahelclf.predict.dialects import Hints
    from sahelclf.predict.inputs import open_source
    from sahelclf.predict.rows import COLUMN_ROLES, Columns

    columns = Columns(**{k: settings.pop(k) for k in COLUMN_ROLES if k in settings})
    unique = settings.pop("unique_ids", False)
    return open_source(str(name), unit, columns, Hints(**settings), unique_ids=unique)
