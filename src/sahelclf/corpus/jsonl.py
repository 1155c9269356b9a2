"""JSON lines, read with bounded memory and every problem named by file and line."""

import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import orjson

MAX_LINE_BYTES = 10_000_000
_KEY_ENDS = re.compile(rb'"[ \t\r\n]*:')
_LARGE = float(2**53)


class Line(NamedTuple):
    """One line: its number from 1, and either its record or what is wrong with it."""

    number: int
    record: dict[str, Any] | None
    problem: str | None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        keys = [key for key, _ in pairs]
        duplicate = min(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {duplicate!r} is duplicated")
    return record


def parse_line(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """Return (record, None) or (None, what is wrong)."""
    record = _plain_record(raw)
    return (record, None) if record is not None else _checked_record(raw)


def _plain_record(raw: bytes) -> dict[str, Any] | None:
    """The record of a line that orjson reads as `_checked_record` does, four times as fast.

    None for everything else: other than one flat object, a key that may be there twice, a NUL, a
    number that may have lost digits.
    """
    try:
        record = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(record, dict) or b"\\u0000" in raw:
        return None
    if len(_KEY_ENDS.findall(raw)) != len(record):
        return None
    for value in record.values():
        kind = type(value)
        if kind is dict or kind is list or (kind is float and not -_LARGE < value < _LARGE):
            return None
    return record


def _checked_record(raw: bytes) -> tuple[dict[str, Any] | None, str | None]:
    """What `parse_line` returns, with every check."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at position {error.start}"
        hint = "convert the file, for instance with: iconv -f cp1252 -t utf-8"
        return None, f"not UTF-8: {byte}; {hint}"
    if "\x00" in text:
        return None, f"a NUL byte at position {text.index(chr(0))}"
    try:
        record = json.loads(text, object_pairs_hook=_unique_keys)
    except json.JSONDecodeError as error:
        return None, f"not JSON: {error.msg} at column {error.colno}, found {text[:40]!r}"
    except (ValueError, RecursionError) as error:
        return None, f"not JSON: {error}"
    if not isinstance(record, dict):
        return None, f"expected a JSON object, found {text[:40]!r}"
    if "\\u" in text and (bad := _lone_surrogate(record)):
        return None, bad
    if "\\u0000" in text and "\x00" in json.dumps(record, ensure_ascii=False):
        return None, "an escaped NUL (\\u0000)"
    return record, None


def _lone_surrogate(record: dict[str, Any]) -> str | None:
    try:
        json.dumps(record, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError:
        return "half of a surrogate pair (\\ud8..), which is no character"
    return None


def bounded_lines(
    stream: BinaryIO, limit: int = MAX_LINE_BYTES
) -> Iterator[tuple[int, bytes | None, int]]:
    """Yield (number, line or None if longer than `limit` bytes, length), without blank lines."""
    number = 0
    while chunk := stream.readline(limit + 1):
        number += 1
        size = len(chunk)
        if size > limit and not chunk.endswith(b"\n"):
            while (rest := stream.readline(1 << 20)) and not rest.endswith(b"\n"):
                size += len(rest)
            yield number, None, size + len(rest)
        elif chunk.strip():
            yield number, chunk, size


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Every non-blank line of a stream as a `Line`."""
    for number, raw, size in bounded_lines(stream):
        if raw is None:
            message = (
                f"a line of {size / 1e6:.1f} MB; a record has at most {MAX_LINE_BYTES / 1e6:.0f} MB"
            )
            yield Line(number, None, message)
        else:
            record, problem = parse_line(raw)
            if problem and cut_off(raw):
                problem = f"the file ends in the middle of line {number:,}; save it again"
            yield Line(number, record, problem)


def cut_off(raw: bytes) -> bool:
    """Whether a line that cannot be read is the start of a record, at the end of a file."""
    whole = raw.rstrip(b" ").endswith(b"}") and raw.count(b"{") <= raw.count(b"}")
    return not raw.endswith(b"\n") and raw.lstrip(b"\xef\xbb\xbf ").startswith(b"{") and not whole
