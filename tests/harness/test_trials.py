import math

import pytest
from pydantic import ValidationError

from harness.errors import StoreError
from harness.trials import VARIANTS, Trial, Trials, at_omega, read_trials

NASTY = "../../few labels/<b>"


def trial(**changed):
    made = {
        "variant": "org",
        "seed": 1,
        "questions": ("celeba",),
        "faces": 50,
        "accuracy": 0.8,
        "mean_average_precision": 0.7,
        "accuracy_by_label": {"Smiling": 0.9, "Bald": 0.7},
        "precision_by_label": {"Smiling": 0.95},
        "impossible": 0.1,
        "incomplete": 0.0,
        "steps": 100,
        "seconds": 3.5,
        "config": {"lr": 0.001, "sizes": [1, 2]},
    }
    return Trial(**{**made, **changed})


def test_a_trial_comes_back_as_it_was_written(tmp_path):
    made = trial(broken={"No_Beard excludes Goatee": 0.25}, omega=0.8, condition=NASTY)
    Trials(tmp_path).write(made)
    assert Trials(tmp_path).find(NASTY, "org", 1) == made
    assert read_trials(tmp_path) == [made]


def test_what_was_run_is_found_and_nothing_else(tmp_path):
    store = Trials(tmp_path)
    assert read_trials(tmp_path) == []
    store.write(trial(seed=1))
    done = [seed for seed in (0, 1, 2) if store.find("standard", "org", seed)]
    assert done == [1]
    assert store.find("standard", "org+seg", 1) is None
    assert store.find("few labels", "org", 1) is None


def test_no_name_leaves_the_folder_and_no_two_trials_share_a_file(tmp_path):
    store = Trials(tmp_path)
    names = ("a", "a.b", "b", "b.c", "c", NASTY, *VARIANTS, at_omega(VARIANTS[3], 0.2))
    files = {store.file(condition, variant, 0) for condition in names for variant in names}
    assert len(files) == len(names) ** 2
    assert all(file.parent == tmp_path / "trials" and "/" not in file.name for file in files)


def test_a_torn_file_says_what_to_do_and_after_that_the_trial_is_run_again(tmp_path):
    store = Trials(tmp_path)
    file = store.write(trial())
    file.write_text(file.read_text()[:80])
    for read in (lambda: store.find("standard", "org", 1), lambda: read_trials(tmp_path)):
        with pytest.raises(StoreError, match=r"standard\.org\.s1\.json is damaged: .*Remove it"):
            read()
    file.unlink()
    assert store.find("standard", "org", 1) is None


def test_a_wrong_value_is_named(tmp_path):
    file = Trials(tmp_path).write(trial())
    file.write_text(file.read_text().replace('"faces": 50', '"faces": 0'))
    with pytest.raises(StoreError, match="damaged: faces: "):
        read_trials(tmp_path)


def test_a_renamed_file_is_not_taken_for_another_trial(tmp_path):
    store = Trials(tmp_path)
    store.write(trial()).rename(store.file("standard", "org+seg", 1))
    with pytest.raises(StoreError, match="holds the trial standard, org, seed 1"):
        store.find("standard", "org+seg", 1)


def test_what_a_killed_process_left_half_written_is_not_a_trial(tmp_path):
    Trials(tmp_path).write(trial())
    (tmp_path / "trials" / "tmpa1b2c3").write_text('{"variant": "org')
    assert len(read_trials(tmp_path)) == 1


def test_other_settings_are_no_reason_to_reuse_a_trial(tmp_path):
    store = Trials(tmp_path)
    store.write(trial())
    assert store.find("standard", "org", 1, {"lr": 0.001, "sizes": (1, 2)})
    with pytest.raises(StoreError, match=r"other settings \(lr 0\.001, now 0\.01; tau None, now 0\.4\)\. Remove it"):
        store.find("standard", "org", 1, {"lr": 0.01, "sizes": (1, 2), "tau": 0.4})


def test_an_undefined_average_precision_is_left_out(tmp_path):
    made = trial(precision_by_label={"Smiling": 0.9, "Bald": math.nan})
    assert made.precision_by_label == {"Smiling": 0.9}
    Trials(tmp_path).write(made)
    assert read_trials(tmp_path) == [made]


@pytest.mark.parametrize(
    "wrong", [{"accuracy": math.nan}, {"accuracy": 80.0}, {"faces": 0}, {"omega": 2}, {"accuray": 1}]
)
def test_an_impossible_number_is_refused_before_it_is_written(wrong):
    with pytest.raises(ValidationError):
        trial(**wrong)


def test_the_base_of_a_swept_variant():
    assert at_omega("org+seg+corr", 0.2) == "org+seg+corr@0.2"
    assert trial(variant=at_omega("org+seg+corr", 1.0)).base == "org+seg+corr"
    assert trial().base == "org"
