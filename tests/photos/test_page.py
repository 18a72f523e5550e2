"""The page about the photographs: one file that loads and runs nothing, and shows no map that no parser made."""

import re

import pytest

from docs.portraits import __main__ as command
from docs.portraits import photos as found
from docs.portraits.page import render
from harness.errors import AdapterError
from tests.parsers import CountingParser
from tests.reports.markup import parsed


def no_weights():
    raise AdapterError("no parser weights on this machine.")


@pytest.fixture(scope="module")
def bare(photos):
    return render(None, "no parser weights on this machine.")


def images(page):
    return [value for tag, name, value in parsed(page).attributes if (tag, name) == ("img", "src")]


def test_it_is_well_formed_and_needs_nothing_else(bare):
    page = parsed(bare)
    assert not page.open
    assert len(page.ids) == len(set(page.ids))
    assert page.tags["script"] == 0
    assert page.tags["link"] == 0
    assert "script-src 'none'" in bare
    assert all(source.startswith("data:image/") for source in images(bare))
    links = {value for tag, name, value in page.attributes if name == "href"}
    assert links <= {f"#{name}" for name in page.ids}
    assert not re.search(r"https?://|url\(", bare)


def test_without_a_parser_no_map_is_shown_and_the_page_says_why(bare):
    assert "This machine has no weights of the face parser" in bare
    assert "no parser weights on this machine." in bare
    assert not [source for source in images(bare) if source.startswith("data:image/png")]
    assert len(images(bare)) == 2 * 12 + 2


def test_with_a_parser_each_portrait_has_its_map(photos):
    page = render(CountingParser())
    assert len([source for source in images(page) if source.startswith("data:image/png")]) == 12
    assert "No segmentation maps" not in page
    assert "background" in page


def test_no_path_and_no_address_is_on_it(bare):
    assert str(found.folder()) not in bare


def test_the_command_writes_the_file(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "opened", no_weights)
    assert command.main(["--out", str(tmp_path / "new")]) == 0
    assert capsys.readouterr().out.strip() == str(tmp_path / "new" / command.NAME)
    assert (tmp_path / "new" / command.NAME).read_text(encoding="utf-8").endswith("</html>")


def test_without_the_photographs_it_is_a_sentence_and_2(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv(found.VARIABLE, str(tmp_path))
    assert command.main(["--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.startswith("error: the photographs are not here")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written_is_a_sentence_and_2(photos, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "opened", no_weights)
    (tmp_path / "file").write_text("")
    assert command.main(["--out", str(tmp_path / "file")]) == 2
    assert "cannot be written" in capsys.readouterr().err
