"""Models that are asked a part of the questions: specialists, and runs that add to a folder."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from adapters import registry
from harness import main_job as job
from harness.main_job import Options, main_job
from harness.store import RunFolder
from reports import gallery, load, problems, tables
from tasks.toy import write_toy


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("asked") / "data"
    write_toy(root, test=4, train=0, seed=3)
    return root


def run(data: Path, out: Path, **more) -> tuple[int, str]:
    said = io.StringIO()
    words = {"models": ("echo",), "data": data, "out": out} | more
    return main_job(Options(**words), Console(file=said, width=200)).asked, said.getvalue()


def unfinished(out: Path) -> int:
    found = load.read(out)
    return problems.find(found, [gallery.read(found, question) for question in found.questions()]).unfinished


def test_runs_that_add_to_a_folder_leave_nothing_unfinished(data: Path, tmp_path: Path):
    (tmp_path / "replies.txt").write_text("happy")
    other = f"echo@{tmp_path / 'replies.txt'}"
    assert run(data, tmp_path / "run", tasks=("raf-db",))[0] == 4
    assert run(data, tmp_path / "run", tasks=("utkface.age",), models=(other,))[0] == 4
    assert RunFolder.existing(tmp_path / "run").run()["asked"] == {"echo": ["raf-db"], other: ["utkface.age"]}
    assert unfinished(tmp_path / "run") == 0
    assert run(data, tmp_path / "run", tasks=("utkface.age",))[0] == 4
    assert RunFolder.existing(tmp_path / "run").run()["asked"]["echo"] == ["raf-db", "utkface.age"]
    found = load.read(tmp_path / "run")
    assert found.asked("raf-db") == ["echo"]
    assert list(tables.colours_of(found, "utkface.age", "raf-db")) == ["echo", other]


def test_a_model_is_not_asked_what_it_has_no_labels_for(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    narrow = registry.spec("echo").model_copy(update={"spaces": ("raf-db", "utkface.gender")})
    monkeypatch.setattr(job, "spec", lambda name: narrow)
    asked, said = run(data, tmp_path / "run", tasks=("expr", "utkface.gender"))
    assert asked == 8
    assert "echo is not asked expw: it has no such labels." in said
    folder = RunFolder.existing(tmp_path / "run")
    assert [score.question for score in folder.read_scores()] == ["raf-db", "utkface.gender"]
    assert unfinished(tmp_path / "run") == 0


def test_a_folder_from_before_this_was_recorded_meant_everything(data: Path, tmp_path: Path):
    run(data, tmp_path / "run", tasks=("expr",))
    folder = RunFolder.existing(tmp_path / "run")
    about = {name: value for name, value in folder.run().items() if name != "asked"}
    about["models"].append("llava-v1.5-7b")
    folder.write_run(about)
    assert unfinished(tmp_path / "run") == 2
    run(data, tmp_path / "run", tasks=("utkface.gender",))
    everything = ["expw", "raf-db"]
    assert folder.run()["asked"] == {"echo": [*everything, "utkface.gender"], "llava-v1.5-7b": everything}
