"""The methods paragraph: what was done, from manifests alone, with citations for pandoc."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sahelclf.evaluation.metrics import METRICS, scored_metrics
from sahelclf.evaluation.report import RESAMPLES
from sahelclf.models.kinds import methods_text
from sahelclf.reports.bibliography import CITATION, cited_in
from sahelclf.reports.tables import Subject
from sahelclf.reports.text import escape_latex
from sahelclf.templates import render

ADJUDICATION = "adjudication"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "onnxruntime")


def methods_paragraph(
    subjects: Sequence[Subject],
    agreement: Sequence[Mapping[str, Any]],
    robustness: Sequence[Mapping[str, Any]],
    *,
    corpus_cited: bool,
    annotators: Mapping[str, str] | None = None,
) -> str:
    """Corpus, split, models, seeds, decisions, scores, robustness, software and hardware.

    Parameters
    ----------
    agreement
        The corpus card's rows of Krippendorff's alpha; empty where the corpus is missing or is
        another version.
    robustness
        `robustness.json` of each robustness run.
    corpus_cited
        Whether the corpus has a citation.
    annotators
        The kind of each annotator, from the corpus's `annotators.yaml`.

    Returns
    -------
    str
        One line; citations are `[@key]`.
    """
    manifest = subjects[0].manifest
    versions = {k: v for s in subjects for k, v in s.manifest["versions"].items()}
    libraries = [k for k in LIBRARIES if versions.get(k, "not installed") != "not installed"]
    models = [methods_text(s.manifest["config"]["model"], s.manifest, listed) for s in subjects]
    text = render(
        "sahelclf.reports",
        "methods.md",
        manifest=manifest,
        corpus=manifest["corpus"],
        corpus_cited=corpus_cited,
        alphas=_alphas(agreement, manifest["topics"]),
        who=who_annotated(annotators or {}),
        parts=listed([f"{n:,} {name}" for name, n in manifest["corpus"]["parts"].items()]),
        models=dict.fromkeys(models),
        seeds=listed(sorted({int(s.manifest["config"]["seed"]) for s in subjects})),
        folds=_folds(subjects),
        definitions="; ".join(m.definition for m in scored_metrics(manifest["stances"])),
        resamples=RESAMPLES,
        tested=listed([s.name for s in subjects if f"test/{METRICS[0].name}" in s.metrics]),
        robustness=robustness,
        fits=listed(
            [f"{r['model']}, seed {r['seed']}: {sum(r['fits'].values())} fits" for r in robustness]
        ),
        trials=listed(dict.fromkeys(t["trial"] for r in robustness for t in r["trials"])),
        swaps=listed(dict.fromkeys(s["kind"] for r in robustness for s in r["swaps"])),
        versions=versions | {"mlflow": versions.get("mlflow", "")},
        libraries=listed([f"{k} {versions[k]}" for k in libraries]),
        dtypes=listed(sorted({s.manifest["dtype"] for s in subjects})),
        listed=listed,
    )
    return " ".join(text.split())


def as_latex(paragraph: str) -> str:
    r"""The paragraph with `\\cite`, and all other text escaped."""
    parts, end = [], 0
    for match in CITATION.finditer(paragraph):
        keys = cited_in(match)
        if keys:
            parts += [escape_latex(paragraph[end : match.start()]), f"~\\cite{{{','.join(keys)}}}"]
            end = match.end()
    text = "".join([*parts, escape_latex(paragraph[end:])])
    return re.sub(r'"([^"]*)"', r"``\1''", text) + "\n"


def _alphas(agreement: Sequence[Mapping[str, Any]], topics: Sequence[str]) -> dict[str, Any]:
    """Alphas of topics and of their stances on passages; the number of passages and annotators."""
    rows = [a for a in agreement if a["level"] == "passage" and a["alpha"] is not None]
    of_topics = [a for a in rows if a["what"] in topics]
    return {
        "n": of_topics[0]["n"] if of_topics else 0,
        "annotators": max((a.get("annotators", 0) for a in of_topics), default=0),
        "topics": [float(a["alpha"]) for a in of_topics],
        "stances": [float(a["alpha"]) for a in rows if a["what"].endswith(" stance")],
    }


def who_annotated(kinds: Mapping[str, str]) -> str:
    """Such as `the annotators are 2 language models`; what is not recorded is said so."""
    counts = Counter(kind for name, kind in kinds.items() if name != ADJUDICATION)
    if not counts:
        return "the corpus does not record who the annotators are"
    listed_kinds = listed(f"{n} {_plural(kind, n)}" for kind, n in sorted(counts.items()))
    many = "is" if counts.total() == 1 else "are"
    noun = "annotator" if counts.total() == 1 else "annotators"
    decided = kinds.get(ADJUDICATION)
    last = f", and a {decided} decided on the units that differed" if decided else ""
    return f"the {noun} {many} {listed_kinds}{last}"


def _plural(kind: str, n: int) -> str:
    if n == 1:
        return kind
    return "people" if kind == "person" else f"{kind}s"


def _folds(subjects: Sequence[Subject]) -> str:
    configs = [s.manifest["config"] for s in subjects]
    folds = {c["model"]["kind"]: c["crossfit"] for c in configs}
    if len(set(folds.values())) == 1:
        return str(next(iter(folds.values())))
    return listed([f"{n} ({kind})" for kind, n in folds.items()])


def listed(items: Iterable[Any]) -> str:
    """Items as `a, b and c`."""
    words = [str(i) for i in items]
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
