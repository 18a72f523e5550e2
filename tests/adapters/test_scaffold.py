"""`adapters new` writes a file that works and never overwrites one."""

import pytest

from adapters.registry import spec
from adapters.scaffold import write
from harness.errors import ConfigError
from harness.records import Decoding
from tests import tiny_models


def test_the_file_works_as_it_is_written(tmp_path):
    path = write("my-model 2", tmp_path)
    assert path.name == "my_model_2.py"
    found = spec(f"{path}:MyModel2@{tiny_models.checkpoint('llava-onevision-7b-si')}")
    model = found.load()(found.source("tiny"), device="cpu")
    (reply,) = model.answer(model.batch([tiny_models.picture()], ["Who?"]), Decoding(max_new_tokens=3))
    assert reply.new_tokens <= 3


def test_what_is_there_stays(tmp_path):
    path = write("mine", tmp_path)
    path.write_text("my work")
    with pytest.raises(ConfigError, match="not overwritten"):
        write("Mine", tmp_path)
    assert path.read_text() == "my work"


@pytest.mark.parametrize("name", ["", "../..", "7up", "'''"])
def test_a_name_that_makes_no_file_is_refused(name, tmp_path):
    with pytest.raises(ConfigError, match="file name"):
        write(name, tmp_path)
    with pytest.raises(ConfigError, match="no folder"):
        write("good", tmp_path / "absent")
