"""Golden inputs: texts that every form of a bundle must score alike, among them those that have broken exports."""

import numpy as np

from sahelclf.errors import SahelclfError

GOLDEN_TEXTS: tuple[str, ...] = (
    "Gunmen on motorbikes killed eleven soldiers near the border on Friday, the defence ministry said.",
    "The bloc lifted its sanctions and reopened the borders; traders in Malanville welcomed the decision.",
    "Ne\u0301gociations a\u0300 Me\u0301naka : l'arme\u0301e franc\u0327aise a quitte\u0301 sa base, a dit Fre\u0301de\u0301ric Kafando.",
    "Négociations à Ménaka : l'armée française a quitté sa base, a dit Frédéric Kafando.",
    "أعلن الجيش المالي مقتل عشرة مسلحين قرب كيدال.",
    "Troops out! 🇳🇪✊🏾 They left the base at last 😀 #Niamey",
    "ﬁnal ofﬁce №1 ½ ² — “quoted”, ‘single’ … İstanbul STRASSE straße ǆ Ωmega",
    "",
    " \t\n",
    "x",
    "1,234 dead? No: 17 wounded, 3 missing (AFP, 26/07/2023).",
    " ".join(
        f"In week {i} the foreign minister met envoys of the union in Bamako, while peacekeepers left a camp and an "
        "ambush on the road to Gao wounded three drivers."
        for i in range(1, 25)
    ),
)


def check_same(expected: np.ndarray, found: np.ndarray, tolerance: float, what: str) -> None:
    """Refuse a form whose logits on the golden texts differ by more than the tolerance."""
    worst = float(np.abs(expected - found).max())
    if not worst <= tolerance:
        raise SahelclfError(
            f"{what} differ from the fitted model by {worst:.2g} on the golden texts; at most {tolerance:g} is allowed; not exported"
        )
