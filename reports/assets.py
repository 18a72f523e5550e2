"""What every page is made with: templates that escape, our style sheets, our scripts and the hashes that allow them."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports import gallery, style

TEMPLATES = Path(__file__).with_name("templates")
VENDOR = "vendor/dataTables-3.1.5.min.js"
"""Byte for byte as published: docs/decisions/0017-*.md."""
SHEETS = ("page.css", "tables.css", "browse.css")
SCRIPTS = (
    "theme.js",
    "tables.js",
    "browse-data.js",
    "browse-filters.js",
    "browse-grid.js",
    "browse-sample.js",
    "browse.js",
)


@dataclass(frozen=True)
class Script:
    """A script of our own choice; the page allows it by its hash, and no other."""

    text: Markup

    @property
    def hash(self) -> str:
        """As Content-Security-Policy wants it."""
        return f"sha256-{base64.b64encode(sha256(self.text.encode()).digest()).decode()}"


def own() -> dict[str, Any]:
    """The style sheet and the scripts of a page."""
    ours = "\n".join(["(() => {", '"use strict";', *map(_read, SCRIPTS), "})();"])
    return {
        "statuses": style.status_colours(),
        "css": Markup("\n".join(map(_read, SHEETS))),  # noqa: S704 our own files
        "scripts": [Script(Markup(text)) for text in (_read(VENDOR), ours)],  # noqa: S704 our own files
    }


def environment() -> Environment:
    """Everything that is put into the page is escaped unless it is Markup of our own making."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Callable[..., Any]] = {
        "visible": gallery.short,
        "title_of": lambda name, kind: style.visible(style.title(kind, name)),
        "ink_on": style.ink_on,
    }
    environment.filters.update(filters)
    environment.globals["browse_link"] = browse_link
    return environment


def browse_link(**filters: str) -> str:
    """The address of the sample browser with these filters set, such as #browse?model=monkey-chat&status=refused."""
    return "#browse?" + urlencode({name: gallery.short(value) for name, value in filters.items()}, quote_via=quote)


def _read(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")
