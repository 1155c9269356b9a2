"""The methods paragraph: what was done, from manifests alone, with citations as `[@key]`, as pandoc reads them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sahelclf.evaluation.report import RESAMPLES
from sahelclf.models.kinds import methods_text
from sahelclf.reports.bibliography import CITED, escape
from sahelclf.reports.tables import Subject

PACKAGE, CORPUS = "sahelclf", "corpus"
LIBRARIES = ("numpy", "scipy", "scikit-learn", "torch", "transformers", "onnxruntime")


def methods_paragraph(
    subjects: Sequence[Subject],
    agreement: Sequence[Mapping[str, Any]],
    robustness: Sequence[Mapping[str, Any]],
    *,
    corpus_cited: bool,
) -> str:
    """Corpus, split, models and settings, seeds, decisions, scores and intervals, robustness, software and hardware.

    Parameters
    ----------
    agreement
        The corpus card's rows of Krippendorff's alpha; empty where the corpus is not at hand, or is another version.
    robustness
        What `robustness.json` of the robustness runs among those reported on holds.
    corpus_cited
        Whether the corpus has a citation of its own.
    """
    first = subjects[0].manifest
    sentences = [
        _corpus(first, agreement, corpus_cited=corpus_cited),
        _split(first),
        *dict.fromkeys(
            methods_text(s.manifest["config"]["model"], s.manifest, _listed) for s in subjects
        ),
        _seeds(subjects),
        _decision(subjects),
        _scores(subjects, first),
        *([_robustness(robustness)] if robustness else []),
        _software(subjects),
    ]
    return " ".join(sentences)


def as_latex(paragraph: str) -> str:
    r"""The paragraph with `\cite`, and everything that LaTeX would misread escaped."""
    parts = re.split(r"\s?\[(@[^]]+)\]", paragraph)
    out = [
        escape(text) if i % 2 == 0 else f"~\\cite{{{','.join(CITED.findall(text))}}}"
        for i, text in enumerate(parts)
    ]
    return re.sub(r'"([^"]*)"', r"``\1''", "".join(out)).replace("±", r"$\pm$") + "\n"


def _corpus(
    manifest: Mapping[str, Any], agreement: Sequence[Mapping[str, Any]], *, corpus_cited: bool
) -> str:
    c = manifest["corpus"]
    cite = f" [@{CORPUS}]" if corpus_cited else ""
    text = (
        f'The labellers were trained on the corpus "{c["title"]}"{cite} ({c["documents"]:,} documents, {c["passages"]:,} passages; '
        f"codebook {manifest['codebook']['version']}; SHA-256 {c['sha256'][:16]}), which labels {len(manifest['topics'])} topics "
        f"({_listed(manifest['topics'])}; none to all may hold) and for each topic that holds one of {len(manifest['stances'])} stances "
        f"({_listed(manifest['stances'])})."
    )
    topics, stances = (
        [
            a
            for a in agreement
            if a["level"] == "passage" and a["alpha"] is not None and test(a["what"])
        ]
        for test in (manifest["topics"].__contains__, _is_stance)
    )
    if topics and stances:
        text += (
            f" Before adjudication, Krippendorff's alpha [@krippendorff2019] of the two annotators on {topics[0]['n']:,} passages was "
            f"{_range(topics)} over the topics and {_range(stances)} over their stances; the corpus's own description says who annotated."
        )
    return text


def _is_stance(what: str) -> bool:
    return what.endswith(" stance")


def _range(rows: Sequence[Mapping[str, Any]]) -> str:
    values = sorted(float(a["alpha"]) for a in rows)
    return f"{values[0]:.3f} to {values[-1]:.3f}"


def _split(manifest: Mapping[str, Any]) -> str:
    c = manifest["corpus"]
    parts = _listed([f"{n:,} {name}" for name, n in c["parts"].items()])
    unread = "; training reads none of the test documents" if c["parts"].get("test") else ""
    return f'The split "{c["split"]}" has {parts} documents{unread}.'


def _seeds(subjects: Sequence[Subject]) -> str:
    seeds = sorted({int(s.manifest["config"]["seed"]) for s in subjects})
    return (
        f"Every random choice of a run derives from its seed ({_listed([str(s) for s in seeds])})."
    )


def _decision(subjects: Sequence[Subject]) -> str:
    folds = {
        s.manifest["config"]["model"]["kind"]: s.manifest["config"]["crossfit"] for s in subjects
    }
    k = (
        folds.popitem()[1]
        if len(set(folds.values())) == 1
        else _listed([f"{n} ({kind})" for kind, n in folds.items()])
    )
    return (
        f"Development scores are cross-fitted: over {k} folds of documents, which no event, page or near-duplicate crosses and which are "
        "stratified over all labels [@sechidis2011], each passage is predicted by a model fitted on the other folds. Each label's probability is "
        "calibrated by Platt's method [@platt1999], and a topic holds at half of the best F1 that any threshold reaches [@lipton2014]; both "
        "are settled on the other folds' held-out predictions. A document's topic probability is the mean of its passages', weighted by "
        "length and calibrated once more."
    )


def _scores(subjects: Sequence[Subject], manifest: Mapping[str, Any]) -> str:
    text = (
        f"Topics are scored by F1, averaged over the topics; stance by F1 averaged over the {len(manifest['stances'])} stances, pooled over "
        "passages and topics that hold in the annotation; both together by micro-averaged F1 over pairs of topic and stance; a score "
        f"without support counts as 0. Intervals (95%) are of the studentized bootstrap over {RESAMPLES:,} resamples of documents, on log-odds [@efron1993]."
    )
    tested = [s.name for s in subjects if "test/topic/macro_f1" in s.metrics]
    if tested:
        text += f" Test scores ({_listed(tested)}) are of the final labeller on the {manifest['corpus']['parts'].get('test', 0):,} test documents."
    return text


def _robustness(found: Sequence[Mapping[str, Any]]) -> str:
    trials = list(dict.fromkeys(t["trial"] for r in found for t in r["trials"]))
    swaps = list(dict.fromkeys(s["kind"] for r in found for s in r["swaps"]))
    models = _listed(
        [f"{r['model']}, seed {r['seed']}: {sum(r['fits'].values())} fits" for r in found]
    )
    text = f"Robustness ({models}) compares scores on held-out parts of the development documents"
    text += f" ({_listed(trials)})" if trials else ""
    text += (
        " with the cross-fitted score of the same model on the same passages, paired by document."
    )
    if swaps:
        text += f" Name swaps ({_listed(swaps)}) exchange names in held-out passages and count the decisions that change."
    return text


def _software(subjects: Sequence[Subject]) -> str:
    manifest = subjects[0].manifest
    versions = {k: v for s in subjects for k, v in s.manifest["versions"].items()}
    libraries = _listed(
        [
            f"{k} {versions[k]}"
            for k in LIBRARIES
            if k in versions and versions[k] != "not installed"
        ]
    )
    tracked = (
        f"; runs were tracked with MLflow {versions['mlflow']} [@zaharia2018]"
        if "mlflow" in versions
        else ""
    )
    return (
        f"Software: sahelclf {versions['sahelclf']} [@{PACKAGE}] on Python {versions['python']} with {libraries}{tracked}. "
        f"Arithmetic was {_listed(sorted({s.manifest['dtype'] for s in subjects}))}, on a machine with {manifest['threads']} hardware threads."
    )


def _listed(items: Sequence[Any]) -> str:
    words = [str(i) for i in items]
    return " and ".join(words) if len(words) < 3 else f"{', '.join(words[:-1])} and {words[-1]}"
