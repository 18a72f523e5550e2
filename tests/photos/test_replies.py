"""What the parser reads from replies about the photographs: nothing that the words do not name."""

from pathlib import Path

import pytest

from docs.portraits.replies import SPACE, STYLES, agreement, written
from reports.marks import verdict
from tasks.labels import label_space

ROWS = written()
each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.photo}-{row.style}")


def said(found):
    return {*found.yes, *found.no}


@each_row
def test_no_label_is_invented(row):
    """Every label that is read is one that the author, too, finds named by the words."""
    assert said(row.read()) <= row.yes | row.no | row.touches


@each_row
def test_every_label_that_is_read_stands_in_the_text(row):
    found = row.read()
    assert said(found) <= {mention.label for mention in found.mentions}
    assert all(0 <= mention.start < mention.end <= len(row.reply) for mention in found.mentions)


@each_row
def test_nothing_is_read_as_its_opposite(row):
    found = row.read()
    assert not set(found.yes) & row.no
    assert not set(found.no) & row.yes


@each_row
def test_the_authors_own_labels_are_of_the_space(row):
    assert row.yes | row.no | row.touches | row.errs <= set(label_space(SPACE).labels)
    assert not row.yes & row.no
    assert row.errs <= row.yes | row.no


def test_each_of_a_dozen_portraits_is_described_in_each_careful_style():
    careful = {(row.photo, row.style) for row in ROWS if row.style != "mistaken"}
    assert careful == {(photo, style) for photo, _ in careful for style in STYLES[:-1]}
    assert len(careful) == 48


def test_marked_wrong_is_what_was_written_wrong(photos):
    """Of a careful reply only what its words merely touch may be marked."""
    gold = {photo.id: photo.gold for photo in photos}
    for row in ROWS:
        wrong = {m.label for m in row.read().mentions if verdict(m, gold[row.photo]) == "wrong"}
        assert wrong <= row.errs | row.touches
        assert not row.errs or wrong


def test_authors_say_nothing_that_was_judged_otherwise(photos):
    gold = {photo.id: photo.gold for photo in photos}
    for row in ROWS:
        meant = dict.fromkeys(row.no, False) | dict.fromkeys(row.yes, True)
        against = {name for name, there in gold[row.photo].items() if meant.get(name, there) != there}
        assert against == row.errs, row


def test_the_counts_sum(photos):
    by_id = {photo.id: photo for photo in photos}
    found = agreement(ROWS, by_id)
    assert found.replies == len(ROWS)
    assert found.right + found.wrong + found.silent == sum(len(by_id[row.photo].gold) for row in ROWS)


def test_what_is_written_about_the_agreement_is_what_it_is(photos):
    by_id = {photo.id: photo for photo in photos}
    page = (Path(__file__).parents[2] / "docs" / "photographs.md").read_text(encoding="utf-8")
    for style in STYLES:
        found = agreement((row for row in ROWS if row.style == style), by_id)
        assert f"| {' | '.join(map(str, found[:-1]))} |" in page, style
    assert agreement(ROWS, by_id).whole == 41
