"""A line is read fast where that cannot change what comes out of it."""

import json

import pytest

from sahelclf.corpus.jsonl import _checked_record, _plain_record, parse_line

PLAIN = [
    '{"id": "a", "text": "Niger: \\"no\\", d\\u00e9fense", "n": 7, "x": 0.1, "y": null, "z": true}',
    "{}",
    ' {"a" :\t1}\r\n',
    '{"a": 9007199254740993, "b": -9223372036854775808}',
]
OTHERS = [
    '{"a": "he said \\"no\\": never"}',
    '{"a": 1, "a": 2}',
    '{"a" : 1, "a": 2}',
    '{"a": {"b": 1, "b": 2}}',
    '{"a": NaN, "b": Infinity}',
    '{"a": 123456789012345678901234567890}',
    '{"a": 1e400}',
    '{"a": "\\u0000"}',
    '{"a": "\\ud800"}',
    '\ufeff{"a": 1}',
    '{"a": "x\x00"}',
    '{"a": "tab\t"}',
    "[1]",
    '{"a": 1',
    "nothing",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_record_is_read_as_with_all_checks(line):
    record, problem = _checked_record(line.encode())
    assert (_plain_record(line.encode()), problem) == (record, None)
    assert [type(v) for v in parse_line(line.encode())[0].values()] == [
        type(v) for v in json.loads(line).values()
    ]


@pytest.mark.parametrize("line", OTHERS)
def test_every_other_line_gets_all_checks(line):
    assert _plain_record(line.encode()) is None
    assert repr(parse_line(line.encode())) == repr(_checked_record(line.encode()))


def test_bytes_that_are_no_utf8_get_the_message_that_says_so():
    assert "not UTF-8: byte 0xe9" in parse_line(b'{"a": "caf\xe9"}')[1]
