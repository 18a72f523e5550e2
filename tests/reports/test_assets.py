from hashlib import sha256
from html import unescape
from urllib.parse import parse_qs

import pytest

from reports import assets

DATATABLES = "38017a5586acd9c6eb6bbfe8b6938e1a25bdc717c5acfcb07e0c9d663282c59d"
"""Of js/dataTables.min.js in the package datatables.net 3.1.5 of npm."""


def test_the_vendored_library_is_as_published_and_has_its_licence():
    file = assets.TEMPLATES / assets.VENDOR
    assert sha256(file.read_bytes()).hexdigest() == DATATABLES
    assert "MIT" in (file.parent / "dataTables-LICENSE.txt").read_text()


@pytest.mark.parametrize("word", ["</script", "<!--", "eval(", "new Function"])
def test_no_script_can_end_early_or_evaluate_text(word):
    assert not [script for script in assets.own()["scripts"] if word in script.text]


def test_our_scripts_never_read_text_as_html():
    ours = str(assets.own()["scripts"][1].text)
    assert not [word for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write") if word in ours]


def test_a_link_into_the_browser_survives_any_name():
    evil = "a&b=c#\"'<d>\u202e\ud800 é"
    link = str(assets.environment().from_string("{{ browse_link(model=name) }}").render(name=evil))
    place, _, query = unescape(link).partition("?")
    assert place == "#browse"
    assert parse_qs(query) == {"model": ["a&b=c#\"'<d>⟨U+202E⟩⟨U+D800⟩ é"]}
