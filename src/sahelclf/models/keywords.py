"""A dictionary of terms by topic and stance, read from YAML; only its calibration is fitted."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import TypeAdapter, ValidationError

from sahelclf.codebook import validation_problems
from sahelclf.errors import RequestError
from sahelclf.models.base import NO_CALLBACKS, FitCallbacks, ModelConfig, ModelKind
from sahelclf.models.linear import LinearModel, prior_logit, refuse_targets
from sahelclf.models.runtime.linear import WORDS
from sahelclf.tasks.base import TaskData

FILE = "keywords.yaml"
FORM = TypeAdapter(dict[Literal["topics", "stances"], dict[str, list[str] | dict[str, list[str]]]])


class KeywordsConfig(ModelConfig):
    """`model=keywords`; `dictionary: null` takes the corpus's `keywords.yaml`."""

    kind: Literal["keywords"]
    dictionary: str | None


class Keywords(LinearModel):
    """The logit of a head, before calibration, is the number of its terms that a text contains."""

    name = "keywords"

    def __init__(self, config: KeywordsConfig, terms: dict[str, list[str]]) -> None:
        super().__init__()
        self.config = config
        self.terms = terms

    def fit(self, data: TaskData, *, seed: int, callbacks: FitCallbacks = NO_CALLBACKS) -> None:  # noqa: ARG002 - nothing random here
        """Count the terms of the dictionary; heads without terms predict the class prior."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        refuse_targets(data)
        self.layout = data.layout
        reader = TfidfVectorizer(strip_accents="unicode", token_pattern=WORDS)
        clean, words = reader.build_preprocessor(), reader.build_tokenizer()
        as_term = {
            (head, t): " ".join(words(clean(t))) for head, ts in self.terms.items() for t in ts
        }
        terms = sorted({t for t in as_term.values() if t})
        index = {t: i for i, t in enumerate(terms)}
        coef = np.zeros((len(terms), len(data.layout)))
        for (name, _), term in as_term.items():
            if term:
                coef[index[term], data.layout.names.index(name)] = 1.0
        longest = max((len(t.split()) for t in terms), default=1)
        block = {
            "name": "dictionary",
            "analyzer": "word",
            "ngram_range": [1, longest],
            "token_pattern": WORDS,
        }
        self.blocks = [block | {"sublinear_tf": False, "norm": "presence", "terms": terms}]
        self.arrays = {
            "idf0": np.ones(len(terms)),
            "coef": coef,
            "intercept": np.zeros(len(data.layout)),
        }
        for head, name in enumerate(data.layout.names):
            if name not in self.terms:
                self.arrays["intercept"][head] = prior_logit(data.y[data.mask[:, head], head])


def read_terms(path: Path, heads: Sequence[str]) -> dict[str, list[str]]:
    """Terms by head, from `topics: {topic: [term, …]}` and `stances: {topic: {stance: [term, …]}}`.

    Parameters
    ----------
    heads
        Names that may have terms: topics, and `topic=stance`. A name of another kind is refused
        with all other problems of the file.
    """
    try:
        raw: Any = FORM.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise RequestError(
            f"{path}: no such dictionary; model=keywords needs one: 'topics: {{topic: [term, …]}}' "
            "and 'stances: {topic: {stance: [term, …]}}'"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path}: not readable as YAML: {' '.join(str(error).split())}"
        ) from None
    except ValidationError as error:
        raise RequestError(validation_problems(error, str(path))) from None
    terms: dict[str, list[str]] = {}
    problems = []
    for group, by_topic in raw.items():
        for topic, entry in by_topic.items():
            lists = {topic: entry} if group == "topics" else entry
            if not isinstance(lists, dict) or not all(isinstance(v, list) for v in lists.values()):
                expected = "a list of terms" if group == "topics" else "lists of terms by stance"
                problems.append(f"{path}: {group}.{topic}: expected {expected}")
                continue
            named = {k if group == "topics" else f"{topic}={k}": v for k, v in lists.items()}
            unknown = [name for name in named if name not in heads]
            problems += [
                f"{path}: {group}: {n!r} is unknown, expected one of {[*heads]}" for n in unknown
            ]
            terms |= named
    if problems:
        raise RequestError(problems)
    return terms


def _build(config: KeywordsConfig, heads: Sequence[str], corpus: Path | None) -> Keywords:
    path = Path(config.dictionary) if config.dictionary else (corpus or Path()) / FILE
    return Keywords(config, read_terms(path, heads))


KIND = ModelKind("keywords", KeywordsConfig, _build)
