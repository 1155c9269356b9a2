"""Texts made from Jinja templates that lie in a room's folder `templates/`."""

from collections.abc import Iterator
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
