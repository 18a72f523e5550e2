"""A user's own split: respected by all six sets, and every name and every face is accounted for."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, DataError, UnknownNameError
from tasks.datasets import LOADERS, load, open_index
from tasks.datasets.base import SPLITS
from tests.quirks import options, read_all

NOT_LISTED, LISTED_ONLY = "not in the list of splits", "in the list of splits only"


def picture(one):
    """The name that a list has for a face."""
    return one.id.split("#")[0]


def listed(tmp_path, dataset, lines, end="\n"):
    """Choices with a list of these lines."""
    file = tmp_path / "own.txt"
    file.write_bytes("".join(line + end for line in lines).encode())
    return options(**{dataset: {"split": file}})


@pytest.fixture
def names(plain):
    """names("expw"): the pictures of a toy set, each once, in the order of its label file."""
    return lambda dataset: list(dict.fromkeys(picture(one) for one in plain(dataset).all()))


def expected(whole, split_of):
    """What is told of a set whose splits are these, in the order of its label file."""
    faces = {split: [one for one in whole.all() if split_of.get(picture(one)) == split] for split in SPLITS}
    dropped = len(whole.all()) - sum(map(len, faces.values()))
    return whole.but(faces=faces, dropped={NOT_LISTED: dropped} if dropped else {})


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("dataset", LOADERS)
def test_a_list_takes_the_place_of_every_other_split(toy, tmp_path, plain, names, dataset, end):
    split_of = {name: SPLITS[place % 3] for place, name in enumerate(names(dataset))}
    chosen = listed(tmp_path, dataset, [f"{name} {split}" for name, split in split_of.items()], end)
    assert read_all(toy, dataset, chosen).sorted() == expected(plain(dataset), split_of).sorted()
    assert open_index(dataset, toy / dataset, chosen).splits == SPLITS


@pytest.mark.parametrize("dataset", LOADERS)
def test_what_is_not_listed_and_what_is_only_listed_is_counted(toy, tmp_path, plain, names, dataset):
    split_of = dict.fromkeys(names(dataset)[::2], "test")
    lines = [f"{name}\t{split}" for name, split in split_of.items()]
    chosen = listed(tmp_path, dataset, [*lines, "nobody.jpg train", "", "  nobody of that name.jpg   val"])
    told, wanted = read_all(toy, dataset, chosen), expected(plain(dataset), split_of)
    assert told.sorted() == wanted.but(dropped=wanted.dropped | {LISTED_ONLY: 2}).sorted()


@pytest.mark.parametrize("dataset", LOADERS)
def test_the_order_is_that_of_the_label_file_and_not_of_the_list(toy, tmp_path, names, dataset):
    lines = [f"{name} val" for name in names(dataset)]
    order = [
        [face.id for face in load(dataset, toy / dataset, "val", listed(tmp_path, dataset, some))]
        for some in (lines, lines[::-1])
    ]
    assert order[0] == order[1] == list(open_index(dataset, toy / dataset).faces().strings("id"))


def test_the_faces_of_one_photograph_go_together(toy, tmp_path, plain):
    faces = plain("expw").all()
    scene = next(picture(one) for one in faces if one.id.endswith("#2"))
    own = [one.id for one in faces if picture(one) == scene]
    assert len(own) == 3
    chosen = listed(tmp_path, "expw", [f"{scene} val"])
    assert [one.id for one in read_all(toy, "expw", chosen).faces["val"]] == own
    assert read_all(toy, "expw", chosen).dropped == {NOT_LISTED: len(faces) - 3}
    one_face = read_all(toy, "expw", listed(tmp_path, "expw", [f"{own[0]} val"]))
    assert one_face.dropped == {NOT_LISTED: len(faces), LISTED_ONLY: 1}, "a list is one of pictures"


@pytest.mark.parametrize("line", ["1.jpg", "1.jpg dev", "1.jpg 2", "test", "1.jpg,test", "1.jpg Test", "1.jpg test x"])
def test_a_line_of_another_form_is_an_error_with_its_row(toy, tmp_path, line):
    chosen = listed(tmp_path, "celeba", ["000001.jpg test", "", line])
    with pytest.raises(DataError, match=rf"own\.txt, row 3: '{line}' is not the name of a picture followed by train"):
        read_all(toy, "celeba", chosen)


def test_a_name_twice_is_an_error_with_its_row(toy, tmp_path):
    with pytest.raises(DataError, match=r"own\.txt, row 2: '000001.jpg' is not new"):
        read_all(toy, "celeba", listed(tmp_path, "celeba", ["000001.jpg test", "000001.jpg val"]))


def test_a_list_that_is_absent_is_an_error_with_its_name(toy, tmp_path):
    chosen = options(celeba={"split": tmp_path / "absent.txt"})
    with pytest.raises(ConfigError, match=r"list of splits .*absent\.txt cannot be read: No such file"):
        load("celeba", toy / "celeba", "test", chosen)


def test_a_misspelt_split_with_a_list(toy, tmp_path):
    chosen = listed(tmp_path, "expw", ["x.jpg test"])
    with pytest.raises(UnknownNameError, match=r"split.*'tset'\. Did you mean 'test'"):
        load("expw", toy / "expw", "tset", chosen)
    assert len(load("expw", toy / "expw", "val", chosen)) == 0


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_every_name_and_every_face_is_accounted_for(toy, tmp_path_factory, plain, data):
    dataset = data.draw(st.sampled_from(list(LOADERS)))
    whole = plain(dataset)
    some = st.sampled_from([picture(one) for one in whole.all()])
    pool = st.one_of(some, st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=8))
    split_of = data.draw(st.dictionaries(pool, st.sampled_from(SPLITS), max_size=12))
    folder = tmp_path_factory.mktemp("list")
    told = read_all(toy, dataset, listed(folder, dataset, [f"{name} {split}" for name, split in split_of.items()]))
    assert told.sorted().faces == expected(whole, split_of).sorted().faces
    assert len(told.all()) + told.dropped.get(NOT_LISTED, 0) == len(whole.all())
    assert len({picture(one) for one in told.all()}) + told.dropped.get(LISTED_ONLY, 0) == len(split_of)
