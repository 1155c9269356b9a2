import pytest

from sahelclf.delimited import Dialect, sniff_dialect


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"id,text\n1;2;3;4,x\n", Dialect("utf-8-sig", ",")),
        (b"\xef\xbb\xbfid;text\r\n", Dialect("utf-8-sig", ";")),
        (b"id\ttext\tdate, of the event\n", Dialect("utf-8-sig", "\t")),
        (b"id|text\r1|a\r", Dialect("utf-8-sig", "|")),
        (b'id,"a;b;c;d",text\n', Dialect("utf-8-sig", ",")),
        (b"sep=;\nid,a;text\n", Dialect("utf-8-sig", ";", 1)),
        ("id;text\n".encode("utf-16"), Dialect("utf-16", ";")),
        ("id\ttext\n".encode("utf-16-le"), Dialect("utf-16-le", "\t")),
        (b"id\n1\n", Dialect("utf-8-sig", ",")),
        (b"", Dialect("utf-8-sig", ",")),
    ],
)
def test_dialect_follows_from_the_first_bytes(head, expected):
    assert sniff_dialect(head) == expected


def test_numbers_have_decimal_commas_where_fields_are_separated_by_semicolons():
    assert sniff_dialect(b"a;b\n").decimal == ","
    assert sniff_dialect(b"a,b\n").decimal == "."
