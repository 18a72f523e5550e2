"""Errors are sentences with a cure."""

from harness import errors
from harness.errors import HarnessError, UnknownNameError

NAMES = ["qwen2.5-vl-7b", "llava-v1.5-7b"]


def test_a_misspelt_name_gets_the_nearest_one():
    error = UnknownNameError.of("model", "QWEN25-vl", NAMES, "`python -m harness models`")
    assert str(error) == (
        "unknown model 'QWEN25-vl'. Did you mean 'qwen2.5-vl-7b'? `python -m harness models` lists all 2."
    )


def test_a_name_like_no_other_gets_no_guess():
    assert "Did you mean" not in str(UnknownNameError.of("model", "zzz", NAMES, "`x`"))


def test_the_tree_in_the_docstring_is_the_tree_of_the_classes():
    public = {
        name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, HarnessError)
    }
    drawn = {word for word in errors.__doc__.split() if word.endswith("Error")}
    assert drawn == public
