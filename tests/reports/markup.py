"""Whether a page is well formed."""

from collections import Counter
from html.parser import HTMLParser

VOID = {"meta", "img", "br", "hr", "input", "link"}


class Balance(HTMLParser):
    """Checks that every element is closed in its turn and that ids are unique."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.ids, self.tags, self.attributes = [], [], Counter(), []

    def handle_starttag(self, tag, attrs):
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag, f"</{tag}> at {self.getpos()}"


def parsed(text):
    """The checker after the whole page; `open` lists what is never closed."""
    checker = Balance()
    checker.feed(text)
    checker.close()
    return checker
