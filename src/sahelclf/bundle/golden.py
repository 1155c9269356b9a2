"""Golden inputs: texts that every form of a bundle must score alike; some have broken exports."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sahelclf.errors import SahelclfError

WEEK = (
    "In week {} the foreign minister met envoys of the union in Bamako, while peacekeepers left a "
    "camp and an ambush on the road to Gao wounded three drivers."
)
# The long text holds what only readers with the text rule read alike, such as entities.
GOLDEN_TEXTS: tuple[str, ...] = (
    "Gunmen on motorbikes killed eleven soldiers near the border, the defence ministry said.",
    "The bloc lifted its sanctions and reopened the borders; traders welcomed the decision.",
    "Ne\u0301gociations a\u0300 Me\u0301naka : l'arme\u0301e franc\u0327aise a quitte\u0301 sa "
    "base, a dit Fre\u0301de\u0301ric Kafando.",
    "Négociations à Ménaka : l'armée française a quitté sa base, a dit Frédéric Kafando.",
    "أعلن الجيش المالي مقتل عشرة مسلحين قرب كيدال.",
    "Troops out! 🇳🇪✊🏾 They left the base at last 😀 #Niamey",
    "ﬁnal ofﬁce №1 ½ ² — “quoted”, ‘single’ … İstanbul STRASSE straße ǆ Ωmega",
    "The am\u00adbas\u00adsador left Nia\u200bmey; the gov\u2060ern\u00adment\ufeff condemned "
    "the \u200fattack\u200e.",
    "",
    " \t\n",
    "x",
    "1,234 dead? No: 17 wounded, 3 missing (AFP, 26/07/2023).",
    " ".join(WEEK.format(i) for i in range(1, 25))
    + " L&rsquo;arm&eacute;e &amp; l&#39;&#xC9;tat; the peace&shy;keepers&#8203; met am\u00ad\n"
    "bassadors &lt;in Niamey&gt;; R&D &unknown; &amp;eacute;",
)


def check_same(expected: np.ndarray, actual: np.ndarray, tolerance: float, what: str) -> None:
    """Refuse a form whose numbers on the golden texts differ by more than the tolerance."""
    worst = float(np.abs(expected - actual).max())
    if not worst <= tolerance:
        raise SahelclfError(
            f"{what} differ from the fitted model by {worst:.2g} on the golden texts; at most "
            f"{tolerance:g} is allowed; not exported"
        )


def check_golden(
    manifest: dict[str, Any],
    logits: Callable[[Sequence[str]], np.ndarray],
    tolerance: float,
    what: str,
) -> None:
    """Refuse a form that does not give the golden logits of the manifest, (n, n_heads)."""
    golden = manifest["golden"]
    expected = np.array([g["logits"] for g in golden])
    check_same(expected, logits([g["text"] for g in golden]), tolerance, what)
