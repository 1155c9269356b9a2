"""Train a bundle again from its own record, and compare the two: what `reproduce` does."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sahelclf.bundle.load import open_bundle
from sahelclf.config import TrainConfig, train_config
from sahelclf.errors import RequestError
from sahelclf.files import out_folder
from sahelclf.models.kinds import kind_of
from sahelclf.training.steps import OnStep
from sahelclf.workflows.bundles import local_bundle
from sahelclf.workflows.progress import show_nothing
from sahelclf.workflows.systems import RUN_ID

if TYPE_CHECKING:
    from sahelclf.bundle.labeller import Labeller
    from sahelclf.corpus.read import Corpus

COMPARED_TEXTS = 500
WEIGHTS = {".npz", ".safetensors", ".onnx"}
LOCAL = ("out", "resume", "parent_run_id")  # settings of the first training's surroundings


@dataclass(frozen=True)
class Reproduction:
    """A bundle and its second training, compared.

    Attributes
    ----------
    verdict
        `identical`: the weights have the same bytes. `equal`: logits differ by at most
        `tolerance`, and no decision differs. `different`: anything else.
    tolerance
        Largest difference of a logit that counts as equal; each kind of model has its own.
    logit_difference
        The largest one over `texts`: passages at equal distances in the corpus, and golden texts.
    topics_changed, stances_changed
        How many of `decisions` about a topic differ, and how many stances where it holds.
    scores
        Score by name: of the record, and of the second training.
    weights
        Files of weights by name: whether the bytes are equal.
    versions
        Packages whose version differs: then, now.
    notes
        What else differs in the surroundings.
    """

    original: str
    verdict: str
    tolerance: float
    logit_difference: float
    topics_changed: int
    stances_changed: int
    decisions: int
    texts: int
    scores: dict[str, tuple[float, float]]
    weights: dict[str, bool]
    versions: dict[str, tuple[str, str]]
    notes: tuple[str, ...]

    @property
    def succeeded(self) -> bool:
        """Whether the second training gave the same labeller."""
        return self.verdict != "different"


def reproduce(
    source: str | Path,
    *,
    corpus: str | Path | None = None,
    out: str | Path | None = None,
    show: OnStep = show_nothing,
) -> Reproduction:
    """Train again with the settings, corpus and split that a bundle records, and compare.

    On one machine with the same versions and number of threads, the weights have the same bytes.
    Elsewhere linear models differ by at most 1e-6, and no decision differs.

    Parameters
    ----------
    source
        A bundle folder, a run id, `runs:/…` or `models:/…`.
    corpus
        Where the corpus lies now; by default where the record says.
    out
        Folder for the second bundle; by default it is not kept.

    Raises
    ------
    RequestError
        The corpus is another one than the record names, or `out` exists.
    BundleError
        No bundle is there, or a byte of it has changed.
    """
    name = str(source)
    target = out_folder(None if out is None else str(out))
    match = None if Path(name).exists() else RUN_ID.fullmatch(name)
    with (
        local_bundle(f"runs:/{match[1]}" if match else name) as folder,
        tempfile.TemporaryDirectory(prefix="sahelclf-") as scratch,
    ):
        manifest = open_bundle(folder)
        config, added = recorded_config(manifest, corpus)
        second = target or Path(scratch) / "bundle"
        corpus_again = _train_again(config, manifest, second, show)
        return _compared(name, folder, manifest, second, corpus_again, added)


def recorded_config(
    manifest: Mapping[str, Any], corpus: str | Path | None = None
) -> tuple[TrainConfig, tuple[str, ...]]:
    """The settings of a bundle, and the names of those that its version did not have yet."""
    from sahelclf.training.compose import compose_config

    recorded = manifest["config"]
    default = compose_config([f"model={manifest['model']}"]).model_dump(mode="json")
    settings = default | recorded | dict.fromkeys(LOCAL)
    settings["model"] = default["model"] | recorded["model"]
    added = [k for k in default if k not in recorded]
    added += [f"model.{k}" for k in default["model"] if k not in recorded["model"]]
    if corpus is not None:
        settings["corpus"] = str(corpus)
    return train_config(settings), tuple(added)


def _train_again(
    config: TrainConfig, manifest: Mapping[str, Any], target: Path, show: OnStep
) -> "Corpus":
    """Write the second bundle; returns the corpus that it was trained on."""
    from sahelclf.bundle.write import write_bundle
    from sahelclf.training import run as training
    from sahelclf.workflows.teaching import teaching

    checked = training.check(config)
    _refuse_other_corpus(checked[0].sha256, str(checked[0].root), manifest)
    taught = teaching(config, checked)
    trained = training.run(config, show, checked, lesson=taught.lesson if taught else None)
    write_bundle(trained, target, f"reproduction of {manifest['run_id']}")
    return trained.corpus


def _refuse_other_corpus(sha256: str, where: str, manifest: Mapping[str, Any]) -> None:
    recorded = manifest["corpus"]
    if sha256 != recorded["sha256"]:
        raise RequestError(
            f"{where}: corpus hash {sha256[:16]}, the bundle was trained on "
            f"{recorded['sha256'][:16]} ({recorded['title']}: {recorded['documents']:,} documents, "
            f"{recorded['passages']:,} passages); name the folder of that corpus with --corpus"
        )


def _compared(
    name: str,
    folder: Path,
    manifest: dict[str, Any],
    target: Path,
    corpus: "Corpus",
    added: tuple[str, ...],
) -> Reproduction:
    from sahelclf.bundle.labeller import Labeller

    now = open_bundle(target)
    weights = {
        file: now["files"].get(file) == sha256
        for file, sha256 in manifest["files"].items()
        if Path(file).suffix in WEIGHTS
    }
    one, two = Labeller.load(folder), Labeller.load(target)
    texts = _texts(manifest, corpus)
    gap, topics, stances = _differences(one, two, texts)
    tolerance = kind_of(manifest).reader.tolerance
    equal = gap <= tolerance and topics == stances == 0
    identical = all(weights.values()) and manifest["thresholds"] == now["thresholds"]
    return Reproduction(
        original=name,
        verdict="identical" if identical and equal else "equal" if equal else "different",
        tolerance=tolerance,
        logit_difference=gap,
        topics_changed=topics,
        stances_changed=stances,
        decisions=len(texts) * len(one.topics),
        texts=len(texts),
        scores=_scores(manifest, now),
        weights=weights,
        versions=_other_versions(manifest, now),
        notes=_notes(manifest, now, added),
    )


def _texts(manifest: Mapping[str, Any], corpus: "Corpus") -> list[str]:
    """Passages at equal distances in the corpus, and the golden texts."""
    step = max(len(corpus.passages) // COMPARED_TEXTS, 1)
    golden = [g["text"] for g in manifest["golden"]]
    return [p.text for p in corpus.passages[::step]][:COMPARED_TEXTS] + golden


def _differences(one: "Labeller", two: "Labeller", texts: list[str]) -> tuple[float, int, int]:
    """The largest difference of a logit, and how many topics and stances differ."""
    logits = [r.logits([r.clean(t) for t in texts]) for r in (one.runtime, two.runtime)]
    gap = float(np.abs(logits[0] - logits[1]).max())
    topics = stances = 0
    for a, b in zip(one.predict(texts), two.predict(texts), strict=True):
        for topic in one.topics:
            then, now = a["topics"][topic], b["topics"][topic]
            topics += then["holds"] != now["holds"]
            stances += then["holds"] and now["holds"] and then["stance"] != now["stance"]
    return gap, topics, stances


def _scores(manifest: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Scores of the record and of the second training, by level and name."""
    return {
        f"{level}/{name}": (value, now["scores"][level]["scores"][name])
        for level, report in manifest["scores"].items()
        for name, value in report["scores"].items()
        if level in now["scores"] and name in now["scores"][level]["scores"]
    }


def _other_versions(
    manifest: Mapping[str, Any], now: Mapping[str, Any]
) -> dict[str, tuple[str, str]]:
    then = manifest["versions"]
    return {
        name: (then.get(name, "not recorded"), version)
        for name, version in now["versions"].items()
        if then.get(name) != version
    }


def _notes(
    manifest: Mapping[str, Any], now: Mapping[str, Any], added: tuple[str, ...]
) -> tuple[str, ...]:
    notes = []
    if added:
        notes.append(
            "settings that the bundle's version did not have, at their defaults: "
            + ", ".join(added)
        )
    then, here = set(manifest["training_texts"]), set(now["training_texts"])
    if then != here:
        notes.append(
            f"training texts: {len(then):,} then, {len(here):,} now, {len(then & here):,} in "
            f"common; the split {manifest['config']['split']!r} has changed"
        )
    notes += [
        f"{name}: {manifest.get(name)} then, {now.get(name)} now"
        for name in ("threads", "computed_with", "format")
        if manifest.get(name) != now.get(name)
    ]
    return tuple(notes)
