"""FaceInsight behind the seam: decisions in words that are read back, evidence, maps, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from adapters.faceinsight import FaceInsight
from adapters.llava import Llava
from adapters.registry import spec
from harness.engines import EngineOptions, open_engine
from harness.errors import AdapterError, ImageError
from harness.images import digest
from harness.maps import write_map
from harness.records import Decoding, ImageRef, Request
from tasks.labels import label_space
from tasks.parse import parse
from tasks.registry import QUESTIONS
from tests.faceinsight import tiny

DECODING = Decoding(max_new_tokens=5)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return tiny.checkpoint(tmp_path_factory.mktemp("faceinsight"))


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """Six pictures of different shapes with their maps."""
    folder = tmp_path_factory.mktemp("faces")
    paths = []
    for number in range(6):
        face = tiny.face(number, (40 + 7 * number, 50))
        paths.append(folder / f"{number}.png")
        face.picture.save(paths[-1])
        write_map(folder / "maps", digest(face.picture), np.asarray(face.classes))
    return paths


def requests(faces, spaces=tuple(QUESTIONS)):
    rows = [(path, QUESTIONS[space]) for path in faces for space in spaces]
    return [
        Request(key=str(n), sample_id=str(n), image=ImageRef(path=path), text=asked.render().text, space=asked.space)
        for n, (path, asked) in enumerate(rows)
    ]


def ask(checkpoint, faces, batch=8, **options):
    maps = faces[0].parent / "maps"
    engine = open_engine(spec(f"faceinsight@{checkpoint}"), EngineOptions(device="cpu", batch_size=batch, maps=maps))
    engine.model.protocol |= options
    return [row for rows in engine.generate(requests(faces), DECODING) for row in rows]


def test_the_prompt_is_llavas_with_the_knowledge_behind_the_question():
    assert FaceInsight.template.replace(" <knowledge>", "") == Llava.template


def test_words_say_what_the_evidence_decides(checkpoint, faces):
    rows = ask(checkpoint, faces)
    asked = requests(faces)
    assert len({row.text for row in rows}) > 5
    assert len({tuple(row.label_scores.values()) for row in rows}) >= 50  # ExpW and RAF-DB ask the same
    for row, request in zip(rows, asked, strict=True):
        space = label_space(request.space)
        found = parse(row.text, space, row.finish)
        assert found.status == "parsed"
        assert set(row.label_scores) == set(space.labels)
        likely = {label for label, score in row.label_scores.items() if score > 0.5}
        if space.kind == "attributes":
            assert set(found.yes) == likely
        else:
            assert row.label_scores[found.label] == max(row.label_scores.values())


def test_evidence_is_the_sigmoid_of_the_networks_log_odds(checkpoint, faces):
    model = FaceInsight(str(checkpoint), device="cpu")
    model.maps = faces[0].parent / "maps"
    [request] = requests(faces[:1], ("celeba",))
    batch = model.inputs([model.image(Image.open(faces[0]))], [request])
    spaces = batch.pop("spaces")
    logits = model.model.characteristic_logits(**batch)[0]
    [reply] = model.answer(type(batch)({**batch, "spaces": spaces}), DECODING)
    columns = model.config.labels.columns("celeba")
    expected = {label: float(torch.sigmoid(logits[column].double())) for label, column in columns.items()}
    assert reply.label_scores == pytest.approx(expected)


def test_a_batch_answers_as_its_rows_do_one_by_one(checkpoint, faces):
    together, alone = ask(checkpoint, faces, 8), ask(checkpoint, faces, 1)
    assert [row.text for row in together] == [row.text for row in alone]
    for one, other in zip(together, alone, strict=True):
        assert one.label_scores == pytest.approx(other.label_scores, abs=1e-5)


def test_free_text_comes_from_the_language_model_and_keeps_the_evidence(checkpoint, faces):
    text, decided = ask(checkpoint, faces, answers="text"), ask(checkpoint, faces)
    assert [row.label_scores for row in text] == [row.label_scores for row in decided]
    assert any(one.text != other.text for one, other in zip(text, decided, strict=True))
    assert all(row.new_tokens > 0 for row in text)


def test_a_face_without_a_map_is_one_failed_row(checkpoint, faces, tmp_path):
    strange = tmp_path / "new.png"
    tiny.face(99).picture.save(strange)
    rows = ask(checkpoint, [faces[0], strange])
    assert [row.finish for row in rows] == ["stop"] * 10 + ["failed"] * 10
    assert "harness segment" in rows[-1].error
    with pytest.raises(ImageError, match="--maps"):
        FaceInsight(str(checkpoint), device="cpu").image(Image.open(faces[0]))


def test_what_it_cannot_do_is_said(checkpoint, faces):
    with pytest.raises(AdapterError, match="decisions or text"):
        FaceInsight(str(checkpoint), device="cpu", protocol={"answers": "song"})
    model = FaceInsight(str(checkpoint), device="cpu")
    with pytest.raises(AdapterError, match="not trained on"):
        model.inputs([], [requests(faces[:1])[0].model_copy(update={"space": "shoes"})])
    with pytest.raises(AdapterError, match="special token"):
        model.prompt("What is <knowledge>?")


def test_without_published_weights_the_paper_profile_says_how_to_get_some(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert spec("faceinsight").untrained("paper")
    with pytest.raises(AdapterError, match="harness train faceinsight"):
        spec("faceinsight").source("paper")
    Path("runs/faceinsight/model").mkdir(parents=True)
    assert not spec("faceinsight").untrained("paper")
    assert spec("faceinsight").source("paper") == "runs/faceinsight/model"
