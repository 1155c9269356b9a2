"""Sheets of which some rows are coded: chances by hand, what is assumed, what is refused."""

import pandas as pd
import pytest

from sahelclf.annotation.coded import read_codes
from sahelclf.annotation.half_coded import coded_part
from sahelclf.corpus.read import read_corpus
from sahelclf.errors import RequestError

STRATA = ("a", "b", "a", "b", "a", "a")


def test_coded_rows_stand_for_their_stratum_by_hand():
    part, line = coded_part("s.csv", STRATA, [True, True, True, False, False, False])
    assert part.tolist() == [0.5, 0.5, 0.5]  # two of four in a, one of two in b
    assert line.startswith("s.csv: 3 of 6 rows are coded")
    assert "first of a random order" in line
    part, line = coded_part("s.csv", STRATA, [True, True, False, True, False, True])
    assert part.tolist() == [0.5, 1.0, 1.0, 0.5]
    assert "left out by chance, not because they were hard" in line


def test_a_stratum_without_a_code_is_refused():
    with pytest.raises(RequestError, match=r"3 of 6 rows .* none in 1 of 2 strata: b; code rows"):
        coded_part("s.csv", STRATA, [True, False, True, False, True, False])


def rows(*codes: tuple[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {"id": f"u{k}", "sampling_probability": "0.5", "fishing": fishing, "dredging": dredging}
        for k, (fishing, dredging) in enumerate(codes)
    )


def test_empty_rows_of_a_sheet_are_left_out_and_half_rows_are_mistakes(harbour):
    book = read_corpus(harbour).codebook
    sheet = read_codes(rows(("no", "pro"), ("con", "no"), ("", ""), ("", "")), book)
    assert sheet.ids == ("u0", "u1")
    assert sheet.probability.tolist() == [0.25, 0.25]
    assert "the sheet: 2 of 4 rows are coded" in sheet.warnings[-1]
    with pytest.raises(RequestError, match="column dredging: found an empty cell"):
        read_codes(rows(("no", "pro"), ("con", "")), book)
    with pytest.raises(RequestError, match="no row is coded"):
        read_codes(rows(("", "")), book)
