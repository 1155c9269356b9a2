"""A bundle as an MLflow model from code. Needs mlflow, pandas, and what the readers beside it need.

Each loaded model imports the readers under a name of its own: so two bundles that were written by
different versions of sahelclf work in one process. This file is copied into bundles as it is.
"""
# MLflow would take type hints of `predict` for a schema:
# ruff: noqa: ANN001, ANN201, ARG002

import copy
import importlib
import importlib.util
import json
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc import PythonModel


def load_reader(folder: Path) -> Any:
    """The reader of the bundle in `folder`, by the code that is in it."""
    package = f"sahelclf_readers_{uuid.uuid4().hex}"
    path = folder / "sahelclf_readers" / "__init__.py"
    spec = importlib.util.spec_from_file_location(package, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path}: cannot be imported")
    module = sys.modules[package] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reader = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["reader"]
    return getattr(importlib.import_module(f"{package}.{reader['module']}"), reader["class"]).load(
        folder
    )


class Pyfunc(PythonModel):  # type: ignore[misc]
    """`predict(DataFrame with a column text, optionally id)` gives the flat table, one row a text.

    The parameter `threshold` is a probability that replaces the bundle's threshold of every topic.
    """

    def load_context(self, context: Any) -> None:
        """Load the reader."""
        self.labeller = load_reader(Path(context.artifacts["bundle"]))

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]
        """Label a DataFrame, or any sequence of texts."""
        if not isinstance(model_input, pd.DataFrame):
            model_input = pd.DataFrame({"text": list(model_input)})
        texts = model_input["text"].tolist()
        missing = [i for i, t in enumerate(texts) if not isinstance(t, str)]
        if missing:
            raise ValueError(
                f"text is missing or not a string in rows {missing[:5]} ({len(missing)} in all)"
            )
        given = model_input["id"].tolist() if "id" in model_input.columns else [None] * len(texts)
        ids = [str(n if pd.isna(i) else i) for n, i in enumerate(given)]
        return pd.DataFrame(self._with(params or {}).rows(ids, texts))

    def _with(self, params: dict[str, Any]) -> Any:
        threshold = params.get("threshold")
        if threshold is None:
            return self.labeller
        if not 0 <= threshold <= 1:
            raise ValueError(f"threshold {threshold}; expected a probability, from 0 to 1")
        other = copy.copy(self.labeller)
        other.thresholds = np.full(len(other.topics), float(threshold))
        return other


set_model(Pyfunc())
