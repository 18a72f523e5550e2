"""Questions as Jinja templates: prompts/<task>/<name>.j2. A missing value is an error, never an empty string."""

import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError

from harness.errors import PromptError, UnknownNameError
from harness.records import Prompt

FOLDER = Path(__file__).parent


def render(template: str, question: str | None = None, **values: object) -> Prompt:
    """Render prompts/<template>.j2.

    Args:
        template: its name, such as "agr/age".
        question: the template that it extends, if it is one of those that do.
        values: what it shows.

    Raises:
        UnknownNameError: there is no such template.
        PromptError: the template lacks a value or is malformed.
    """
    source = _source(template)
    if question is not None:
        values, source = {**values, "question": f"{question}.j2"}, f"{_source(question)}\0{source}"
    try:
        text = _environment().get_template(f"{template}.j2").render(**values).strip()
    except TemplateError as error:
        raise PromptError(
            f"template '{template}' cannot be rendered: {error}. Values given: {sorted(values)}"
        ) from error
    return Prompt(template=template, template_hash=_hash(source), text=text)


def names() -> tuple[str, ...]:
    """All templates, such as "agr/age"."""
    return tuple(sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.glob("*/*.j2")))


def _source(template: str) -> str:
    if template not in names():
        raise UnknownNameError.of("prompt template", template, names(), "`python -m harness tasks`")
    return (FOLDER / f"{template}.j2").read_text(encoding="utf-8")


def _hash(source: str) -> str:
    return hashlib.sha256(source.encode()).hexdigest()[:16]


@cache
def _environment() -> Environment:
    # Autoescape would turn quotes of a question into HTML entities: a prompt is plain text, the report escapes it.
    return Environment(loader=FileSystemLoader(FOLDER), undefined=StrictUndefined, autoescape=False)  # noqa: S701
