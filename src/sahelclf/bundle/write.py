"""Writing a bundle: one folder, written aside and renamed into place, each weight once, no pickle.

The folder is itself an MLflow model: `MLmodel` at its root names a pyfunc, a model from code that
does not need sahelclf. Every form is checked with the golden outputs, and the folder is loaded as
`predict` loads it, before it gets its name: a bundle that fails is not left behind.
"""

import json
import platform
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from sahelclf.bundle.card import model_card
from sahelclf.bundle.folds import MEAN, decision_values, write_folds
from sahelclf.bundle.golden import GOLDEN_TEXTS, check_golden, check_same
from sahelclf.bundle.labeller import Labeller
from sahelclf.bundle.load import FORMAT, FORMATS
from sahelclf.bundle.onnx import transformer_forms
from sahelclf.bundle.pyfunc import write_pyfunc
from sahelclf.corpus.duplicates import HASH_DIGITS
from sahelclf.errors import BundleError, SahelclfError
from sahelclf.evaluation import decide
from sahelclf.files import file_sha256, written_aside
from sahelclf.models.base import ModelKind
from sahelclf.models.encoder_files import training_texts_of
from sahelclf.models.kinds import kind_named
from sahelclf.models.onnx_graph import write_head_graph
from sahelclf.models.runtime.text import STEPS, clean_text
from sahelclf.tasks.labeller import labeller_layout, passage_data, task_specs
from sahelclf.training.run import Result
from sahelclf.versions import installed_versions


def write_bundle(result: Result, target: Path, run_id: str) -> dict[str, Any]:
    """Write the bundle of a training; returns its manifest.

    Raises
    ------
    SahelclfError
        If the written files do not give the outputs of the fitted model, or cannot be loaded.
    """
    with written_aside(target) as folder:
        model = result.fitted.model
        kind = kind_named(model.name)
        model.save(folder)
        for weights in folder.rglob("model.safetensors"):
            write_head_graph(weights.parent, weights.with_name("model.onnx"))
        manifest = _manifest(result, run_id, kind)
        logits = model.logits([clean_text(t) for t in GOLDEN_TEXTS])
        manifest["golden"] = [
            {"text": text, "logits": [float(x) for x in row]}
            for text, row in zip(GOLDEN_TEXTS, logits, strict=True)
        ]
        if result.fitted.folds:
            manifest["folds"] = write_folds(result.fitted.folds, manifest["topics"], folder)
        _write_json(folder / "manifest.json", manifest)
        if kind.transformers_layout:
            texts = passage_data(result.corpus, result.parts["train"]).texts
            manifest["forms"] = transformer_forms(folder, manifest, texts)
        (folder / "README.md").write_text(model_card(manifest), encoding="utf-8")
        write_pyfunc(folder, manifest, kind.reader.packages)
        sign(folder, manifest)
        _check(folder, target, kind.reader.tolerance, result)
    return manifest


def _check(folder: Path, target: Path, tolerance: float, result: Result) -> None:
    """Load the folder as a user would, and compare its outputs with those of the fitted model."""
    try:
        labeller = Labeller.load(folder)
    except BundleError as error:
        reason = str(error).replace(str(folder), str(target))
        raise SahelclfError(f"{reason}; the bundle was not written") from error
    check_golden(labeller.manifest, labeller.runtime.logits, tolerance, "the written weights")
    if labeller.folds:
        texts = [clean_text(t) for t in GOLDEN_TEXTS]
        read = labeller.folds.read(texts, np.full(len(texts), MEAN))
        for fold, logits in zip(result.fitted.folds, read, strict=True):
            check_same(fold.model.logits(texts), logits, tolerance, "the written folds")


def sign(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest with the hash of every file in the folder, and its own hash beside it."""
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    manifest["files"] = {
        n: file_sha256(folder / n) for n in names if n not in {"manifest.json", "manifest.sha256"}
    }
    _write_json(folder / "manifest.json", manifest)
    line = f"{file_sha256(folder / 'manifest.json')}  manifest.json\n"
    (folder / "manifest.sha256").write_text(line, encoding="utf-8")


def _manifest(result: Result, run_id: str, kind: ModelKind) -> dict[str, Any]:
    book = result.corpus.codebook
    topics = book.topic_names
    decisions = decision_values(result.fitted.decision, topics)
    return {
        "format": FORMAT,
        "kind": kind.reader.kind,
        "model": kind.name,
        "reader": {"module": kind.reader.module, "class": kind.reader.class_name},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "run_id": run_id,
        "codebook": book.as_dict(),
        "tasks": [
            {key: value for key, value in asdict(spec).items() if key != "may_be_empty"}
            for spec in task_specs(book)
        ],
        "heads": list(labeller_layout(book).names),
        "topics": list(topics),
        "stances": list(book.stance_names),
        "thresholds": decisions["thresholds"],
        "documents": {"pooling": decide.POOLING} | decisions["documents"],
        "text": {"rule": FORMATS[FORMAT], "steps": [*STEPS]},
        "features": result.fitted.model.describe(),
        "dtype": kind.reader.arithmetic,
        "computed_with": result.fitted.model.computed_with,
        "threads": psutil.cpu_count(logical=True),
        "versions": installed_versions() | {"python": platform.python_version()},
        "config": result.config.model_dump(mode="json"),
        "corpus": {
            "sha256": result.corpus.sha256,
            "title": book.title,
            "documents": len(result.corpus.documents),
            "passages": len(result.corpus.passages),
            "split": result.config.split,
            "parts": {k: len(v) for k, v in result.parts.items()},
        },
        "training_texts": sorted(
            {h[:HASH_DIGITS] for h in result.texts_sha256}
            | training_texts_of(result.config.model.encoder_name)
            | training_texts_of(result.config.model.teacher_name)
        ),
        "scores": {"passage": result.passages.report.as_dict()}
        | ({"document": result.documents.report.as_dict()} if result.documents else {}),
        "agreement": result.agreement,
        "cv": result.cv,
        "notes": result.notes,
    }


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
