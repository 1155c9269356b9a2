"""Texts made from Jinja templates that lie in a room's folder `templates/`."""

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape


def render(room: str, name: str, /, **values: Any) -> str:
    """Fill in a template; see `render_parts`."""
    return "".join(render_parts(room, name, **values))


def render_parts(room: str, name: str, /, **values: Any) -> Iterator[str]:
    """Fill in a template part by part, so that a long page is never in memory as a whole.

    Parameters
    ----------
    room
        Package that has the folder `templates/`, such as `"sahelclf.reports"`.
    name
        File name. Values are escaped where it ends in `.html`, and nowhere else.
    values
        What the template uses; a name that is missing raises `jinja2.UndefinedError`.
    """
    environment = Environment(
        loader=PackageLoader(room, "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name).generate(values)


def render_page(room: str, name: str, /, data: Mapping[str, Any], **values: Any) -> str:
    """Fill in `name`.html with the style and script beside it: a page that runs without network.

    Texts are in a block of JSON in which `<`, `>` and `&` are escaped; the script puts them into
    the page as text nodes. The page's Content-Security-Policy allows this script and this style by
    their hashes, and no network access.
    """
    folder = files(room).joinpath("templates")
    css, js = (
        folder.joinpath(f"{name}.{suffix}").read_text(encoding="utf-8") for suffix in ("css", "js")
    )
    policy = (
        f"default-src 'none'; style-src '{_hash(css)}'; script-src '{_hash(js)}'; "
        "base-uri 'none'; form-action 'none'"
    )
    values |= {"css": css, "js": js, "policy": policy, "data": _json_in_html(data)}
    return render(room, f"{name}.html", **values)


def _json_in_html(data: Mapping[str, Any]) -> str:
    """JSON that ends no script element, for a `<script>` block."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.translate({ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"})


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
