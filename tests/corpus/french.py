"""A made-up French corpus: thirty raw pages of a harbour's news, and their labels."""

import random
from pathlib import Path

from sahelclf.corpus.pages import Page, clean_text_page
from support import write_lines

CODEBOOK = """
version: "1.0"
title: Nouvelles du port
languages: [fr]
stances: {pour: favorable, contre: défavorable}
topics:
  peche: {holds: les bateaux et leurs prises, target: la pêche}
  dragage: {holds: les travaux dans le chenal, target: les travaux}
"""
SENTENCES = {
    "peche": [
        "Les pêcheurs ont débarqué {n} caisses de sardines et de mérou au quai du vieux port.",
        "Selon les équipages, les filets étaient pleins après {n} heures passées au large.",
        "Au marché, le poisson se vend {n} francs le kilo depuis le retour des bateaux.",
    ],
    "dragage": [
        "La drague a retiré {n} tonnes de vase du chenal, où les cargos ne passaient plus.",
        "Les travaux du chenal doivent durer {n} jours, d’après l’entreprise chargée du dragage.",
        "L’engin de dragage travaille jour et nuit, et {n} ouvriers surveillent les conduites.",
    ],
    "pour": [
        "« C’est une bonne nouvelle pour nos familles », s’est réjouie une habitante du quartier.",
        "Le maire a salué une décision utile, que les habitants soutiennent depuis longtemps.",
    ],
    "contre": [
        "« Nous refusons ce projet », a protesté un ancien, qui dénonce un danger pour tous.",
        "Les riverains ont condamné cette décision et demandent qu’on y renonce au plus vite.",
    ],
    "autre": [
        "La chorale de l’école a chanté sur la place, malgré la pluie tombée en début de soirée.",
        "Le tournoi de football a réuni {n} équipes des villages voisins, pour la première fois.",
        "À la bibliothèque, {n} élèves ont reçu un prix de lecture des mains de leur maîtresse.",
    ],
}
MONTHS = ("janvier", "février", "mars", "avril", "mai", "juin", "juillet", "août", "septembre")
FOOT = (
    "Lire aussi : Dix bateaux perdus dans la tempête\n\nSource : AFP\n\nPartager\n\n"
    "Abonnez-vous à notre newsletter\n\nLaisser un commentaire\n\n"
    "© 2024 Le Quai. Tous droits réservés."
)


def _sentences(rng: random.Random, *kinds: str) -> str:
    return " ".join(rng.choice(SENTENCES[kind]).format(n=rng.randrange(10, 99)) for kind in kinds)


def raw_pages(n: int = 30, seed: int = 2) -> list[tuple[str, str, dict]]:
    """(date, raw page, topics of its first paragraph); the second paragraph has none."""
    rng = random.Random(seed)
    pages = []
    for i in range(n):
        topic = (None, "peche", "dragage")[i % 3]
        stance = "pour" if i % 2 else "contre"
        day, month = 1 + i % 28, i % len(MONTHS)
        date = f"{day}{'er' if day == 1 else ''} {MONTHS[month]} 2024"
        kinds = (topic, topic, stance) if topic else ("autre", "autre")
        raw = (
            f"Des nouvelles du port, numéro {i}\n\n"
            f"Publié le {date} à 10h30\n\nPar Jeanne Dupont\n\n"
            f"Port-Neuf, le {date} – {_sentences(rng, *kinds)}\n\n"
            f"{_sentences(rng, 'autre', 'autre')}\n\n{FOOT}\n"
        )
        iso = f"2024-{month + 1:02d}-{day:02d}"
        pages.append((iso, raw, {topic: {"stance": stance}} if topic else {}))
    return pages


def write_french_corpus(root: Path) -> list[Page]:
    """Write the corpus, its passages cut from the raw pages; the pages as cleaned."""
    documents, passages, pages = [], [], []
    for i, (_, raw, topics) in enumerate(raw_pages()):
        page = clean_text_page(raw, ("fr",))
        pages.append(page)
        documents.append({"id": f"f{i:02d}", "title": page.title, "date": page.date})
        documents[-1]["topics"] = topics
        for k, span in enumerate(page.passages):
            passages.append({"id": f"f{i:02d}-{k}", "document_id": f"f{i:02d}", "index": k})
            passages[-1] |= {"text": span.text, "topics": topics if k == 0 else {}}
    root.mkdir(parents=True)
    (root / "codebook.yaml").write_text(CODEBOOK, encoding="utf-8")
    write_lines(root / "documents.jsonl", documents)
    write_lines(root / "passages.jsonl", passages)
    return pages
