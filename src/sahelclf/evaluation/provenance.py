"""Where predictions come from: the bundle that made them, and the texts that it was trained on.

`predict` writes this beside a table, as `OUT.about.json`, and into the metadata of Parquet, where
pandas finds it as `DataFrame.attrs`. `Labeller.frame` puts it there too.
"""

import io
import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.errors import RequestError
from sahelclf.files import open_bytes, suffix_of
from sahelclf.records import Frozen

if TYPE_CHECKING:
    import pandas as pd

ABOUT = ".about.json"
KEY = "sahelclf"  # in `DataFrame.attrs`
ATTRS = b"PANDAS_ATTRS"  # pandas' key in the metadata of Parquet


class BundleIdentity(Frozen):
    """The bundle: kind of model, run, time of its training, SHA-256 of its manifest."""

    model: str
    run_id: str
    created: str
    sha256: str


class Provenance(Frozen):
    """What a table of predictions says about itself.

    Attributes
    ----------
    version
        Of sahelclf.
    cross_fitted
        Training texts have the prediction of a model that was not fitted on them.
    training_texts
        Hashes of the texts that the bundle was trained on, with blanks between them: pandas copies
        one string faster than a list.
    """

    version: str
    bundle: BundleIdentity
    cross_fitted: bool
    training_texts: str

    @cached_property
    def hashes(self) -> frozenset[str]:
        """The training texts' hashes."""
        return frozenset(self.training_texts.split())

    @property
    def attrs(self) -> dict[str, Any]:
        """The same for `DataFrame.attrs`."""
        return {KEY: self.model_dump(mode="json")}


def about_path(table: Path) -> Path:
    """The file beside a table that says where its predictions come from."""
    return table.with_name(table.name + ABOUT)


def read_provenance(source: "str | Path | pd.DataFrame") -> Provenance | None:
    """What a file of predictions, or a DataFrame, says of its bundle; None where it says nothing.

    Raises
    ------
    RequestError
        Where it says something that cannot be read.
    """
    if not isinstance(source, str | Path):
        return _checked(source.attrs.get(KEY), "DataFrame.attrs")
    path = Path(source)
    beside = about_path(path)
    if beside.is_file():
        try:
            return _checked(json.loads(beside.read_text(encoding="utf-8")), str(beside))
        except ValueError:
            raise RequestError(f"{beside}: damaged; label the collection again") from None
    return _checked(_in_parquet(path), str(path)) if suffix_of(path) == ".parquet" else None


def _in_parquet(path: Path) -> Any:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_bytes(path) as stream:
            metadata = pq.read_schema(io.BytesIO(stream.read())).metadata or {}
        return json.loads(metadata.get(ATTRS, b"{}")).get(KEY)
    except (ValueError, OSError, EOFError, AttributeError, pa.ArrowException):
        return None  # the reader of the table says what is wrong with the file


def _checked(raw: Any, where: str) -> Provenance | None:
    if raw is None:
        return None
    try:
        return Provenance.model_validate(raw)
    except ValidationError as error:
        raise RequestError(validation_problems(error, where)) from None
