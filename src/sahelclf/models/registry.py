"""From a model's configuration to the model."""

from collections.abc import Sequence
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from sahelclf.codebook import Codebook, validation_problems
from sahelclf.config import (
    BlendConfig,
    EmbeddingConfig,
    KeywordsConfig,
    ModelConfig,
    TfidfConfig,
    TransformerConfig,
)
from sahelclf.errors import BundleError, RequestError
from sahelclf.models.base import Model
from sahelclf.models.runtime.linear import PlainLabeller, Reader


def build_model(config: ModelConfig, codebook: Codebook, corpus_root: Path) -> Model:
    """A model that has seen no data yet."""
    if isinstance(config, KeywordsConfig):
        from sahelclf.models.linear import Keywords

        return Keywords(config, read_dictionary(config, codebook, corpus_root))
    return build_learner(config)


def build_learner(config: TfidfConfig | EmbeddingConfig | TransformerConfig | BlendConfig) -> Model:
    """A model that needs nothing but data."""
    if isinstance(config, EmbeddingConfig):
        from sahelclf.models.embedding import Embedding

        return Embedding(config)
    if isinstance(config, BlendConfig):
        from sahelclf.models.blend import Blend

        return Blend(config)
    if isinstance(config, TransformerConfig):
        from sahelclf.models.transformer import Transformer

        return Transformer(config)
    from sahelclf.models.linear import Tfidf

    return Tfidf(config)


def read_labeller(kind: str, folder: Path) -> Reader:
    """The reader of a bundle of this kind, without torch."""
    if kind == "linear":
        return PlainLabeller.load(folder)
    from sahelclf.models.runtime.encoder import BlendLabeller, EmbeddingLabeller, OnnxLabeller

    readers: dict[str, type[BlendLabeller] | type[EmbeddingLabeller] | type[OnnxLabeller]]
    readers = {"embedding": EmbeddingLabeller, "transformer": OnnxLabeller, "blend": BlendLabeller}
    if kind not in readers:
        raise BundleError(
            f"{folder}/manifest.json: kind {kind!r}; this sahelclf reads 'linear', {', '.join(map(repr, readers))}"
        )
    return readers[kind].load(folder)


def read_dictionary(
    config: KeywordsConfig, codebook: Codebook, corpus_root: Path
) -> dict[str, list[str]]:
    """Terms by head, from YAML: `topics: {topic: [term, …]}` and `stances: {topic: {stance: [term, …]}}`."""
    path = Path(config.dictionary) if config.dictionary else corpus_root / "keywords.yaml"
    return read_terms(path, codebook.topic_names, codebook.stance_names)


def read_terms(path: Path, topics: Sequence[str], stances: Sequence[str]) -> dict[str, list[str]]:
    """Terms by head, of these topics and stances alone; every problem is told at once."""
    form = TypeAdapter(dict[str, dict[str, list[str] | dict[str, list[str]]]])
    try:
        raw = form.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RequestError(
            f"{path}: no dictionary there; model=keywords needs one: 'topics: {{topic: [term, …]}}' and "
            "'stances: {topic: {stance: [term, …]}}'"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path}: not readable as YAML: {' '.join(str(error).split())}"
        ) from None
    except ValidationError as error:
        raise RequestError(validation_problems(error, str(path))) from None
    return _checked_terms(raw, topics, stances, path)


def _checked_terms(
    raw: dict[str, dict[str, list[str] | dict[str, list[str]]]],
    topics: Sequence[str],
    stances: Sequence[str],
    path: Path,
) -> dict[str, list[str]]:
    problems = [
        f"{path}: {k!r}; expected 'topics' and 'stances'"
        for k in raw
        if k not in {"topics", "stances"}
    ]
    terms: dict[str, list[str]] = {}
    for topic, found in raw.get("topics", {}).items():
        if topic not in topics or not isinstance(found, list):
            problems.append(
                f"{path}: topics.{topic}: expected a list of terms for one of {[*topics]}"
            )
        else:
            terms[topic] = found
    for topic, by_stance in raw.get("stances", {}).items():
        if topic not in topics or not isinstance(by_stance, dict):
            problems.append(
                f"{path}: stances.{topic}: expected lists of terms by stance for one of {[*topics]}"
            )
            continue
        for stance, found in by_stance.items():
            if stance not in stances:
                problems.append(f"{path}: stances.{topic}.{stance}: expected one of {[*stances]}")
            terms[f"{topic}={stance}"] = found
    if problems:
        raise RequestError(problems)
    return terms
