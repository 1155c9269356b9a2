"""BibTeX of what a methods paragraph cites: fixed entries, and what a CITATION.cff says."""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from sahelclf.errors import RequestError

CITED = re.compile(r"@([\w:.-]*\w)")

FIXED = {
    "pedregosa2011": """@article{pedregosa2011,
  author = {Pedregosa, F. and Varoquaux, G. and Gramfort, A. and Michel, V. and Thirion, B. and Grisel, O. and Blondel, M. and Prettenhofer, P. and Weiss, R. and Dubourg, V. and Vanderplas, J. and Passos, A. and Cournapeau, D. and Brucher, M. and Perrot, M. and Duchesnay, E.},
  title = {Scikit-learn: Machine Learning in {Python}},
  journal = {Journal of Machine Learning Research},
  volume = {12},
  pages = {2825--2830},
  year = {2011}
}""",
    "wolf2020": """@inproceedings{wolf2020,
  author = {Wolf, Thomas and Debut, Lysandre and Sanh, Victor and Chaumond, Julien and Delangue, Clement and Moi, Anthony and Cistac, Pierric and Rault, Tim and Louf, R\\'emi and Funtowicz, Morgan and others},
  title = {Transformers: State-of-the-Art Natural Language Processing},
  booktitle = {Proceedings of the 2020 Conference on Empirical Methods in Natural Language Processing: System Demonstrations},
  pages = {38--45},
  year = {2020},
  doi = {10.18653/v1/2020.emnlp-demos.6}
}""",
    "zaharia2018": """@article{zaharia2018,
  author = {Zaharia, Matei and Chen, Andrew and Davidson, Aaron and Ghodsi, Ali and Hong, Sue Ann and Konwinski, Andy and Murching, Siddharth and Nykodym, Tomas and Ogilvie, Paul and Parkhe, Mani and Xie, Fen and Zumar, Corey},
  title = {Accelerating the Machine Learning Lifecycle with {MLflow}},
  journal = {IEEE Data Engineering Bulletin},
  volume = {41},
  number = {4},
  pages = {39--45},
  year = {2018}
}""",
    "platt1999": """@incollection{platt1999,
  author = {Platt, John C.},
  title = {Probabilistic Outputs for Support Vector Machines and Comparisons to Regularized Likelihood Methods},
  booktitle = {Advances in Large Margin Classifiers},
  editor = {Smola, Alexander J. and Bartlett, Peter and Sch\\"olkopf, Bernhard and Schuurmans, Dale},
  publisher = {MIT Press},
  pages = {61--74},
  year = {1999}
}""",
    "lipton2014": """@inproceedings{lipton2014,
  author = {Lipton, Zachary C. and Elkan, Charles and Naryanaswamy, Balakrishnan},
  title = {Optimal Thresholding of Classifiers to Maximize {F1} Measure},
  booktitle = {Machine Learning and Knowledge Discovery in Databases (ECML PKDD 2014)},
  series = {Lecture Notes in Computer Science},
  volume = {8725},
  pages = {225--239},
  publisher = {Springer},
  year = {2014},
  doi = {10.1007/978-3-662-44851-9_15}
}""",
    "sechidis2011": """@inproceedings{sechidis2011,
  author = {Sechidis, Konstantinos and Tsoumakas, Grigorios and Vlahavas, Ioannis},
  title = {On the Stratification of Multi-label Data},
  booktitle = {Machine Learning and Knowledge Discovery in Databases (ECML PKDD 2011)},
  series = {Lecture Notes in Computer Science},
  volume = {6913},
  pages = {145--158},
  publisher = {Springer},
  year = {2011},
  doi = {10.1007/978-3-642-23808-6_10}
}""",
    "krippendorff2019": """@book{krippendorff2019,
  author = {Krippendorff, Klaus},
  title = {Content Analysis: An Introduction to Its Methodology},
  edition = {4},
  publisher = {SAGE},
  year = {2019}
}""",
    "efron1993": """@book{efron1993,
  author = {Efron, Bradley and Tibshirani, Robert J.},
  title = {An Introduction to the Bootstrap},
  publisher = {Chapman \\& Hall},
  year = {1993}
}""",
}
SPECIAL = {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"} | {
    c: f"\\{c}" for c in "&%$#_{}"
}


def escape(text: str) -> str:
    """Text as LaTeX prints it."""
    return "".join(SPECIAL.get(c, c) for c in text)


def cited_keys(text: str) -> list[str]:
    """Keys cited as `[@key]` or `[@key; @other]`, in the order of their first mention."""
    return list(
        dict.fromkeys(
            key for group in re.findall(r"\[(@[^]]+)\]", text) for key in CITED.findall(group)
        )
    )


def bibliography(keys: Iterable[str], own: Mapping[str, str]) -> str:
    """The entries of these keys; `own` are those of the package and the corpus."""
    entries = FIXED | dict(own)
    return "\n\n".join(entries[key] for key in keys) + "\n"


def read_cff(path: Path) -> dict[str, Any]:
    """A CITATION.cff; raise where it is none."""
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RequestError(
            f"{path}: no such file; expected the citation of the package or of a corpus"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise RequestError(
            f"{path}: not readable as YAML: {' '.join(str(error).split())}"
        ) from None
    missing = [k for k in ("title", "authors") if not isinstance(raw, dict) or not raw.get(k)]
    if missing:
        raise RequestError(
            f"{path}: no {' and no '.join(missing)}; expected the fields of a CITATION.cff"
        )
    return dict(raw)


def cff_entry(key: str, cff: Mapping[str, Any]) -> str:
    """One entry: `@misc`, which every BibTeX style knows."""
    fields = {
        "author": " and ".join(_author(a) for a in cff["authors"]),
        "title": f"{{{escape(str(cff['title']))}}}",
        "howpublished": escape(
            ", ".join(
                filter(
                    None,
                    (
                        _medium(cff),
                        f"version {cff['version']}" if cff.get("version") else "",
                        str(cff.get("license", "")),
                    ),
                )
            )
        ),
        "year": str(cff.get("date-released", ""))[:4],
        "doi": str(cff.get("doi", "")),
        "url": str(cff.get("url") or cff.get("repository-code") or ""),
    }
    lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
    return f"@misc{{{key},\n" + ",\n".join(lines) + "\n}"


def _medium(cff: Mapping[str, Any]) -> str:
    return "Data set" if cff.get("type") == "dataset" else "Software"


def _author(author: Mapping[str, Any]) -> str:
    if "family-names" in author:
        return escape(
            ", ".join(str(author[k]) for k in ("family-names", "given-names") if author.get(k))
        )
    return f"{{{escape(str(author.get('name', '')))}}}"  # in braces, so that a group is not taken for a first and a last name
