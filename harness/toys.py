"""Where drawn faces are kept: each set is drawn once (seconds to minutes) and found again."""

from pathlib import Path

from harness.places import cache_folder

RUN_SEED, TRAIN_SEED, TEST_SEED = 0, 1, 2
"""A run, a training and the test of a miniature never see each other's faces."""
TRAIN_FACES, VALIDATION = 2000, 300
"""Of each dataset; CelebA has a tenth as many to validate as to test."""


def toy_root(train: int, test: int, seed: int, cache: Path | None = None) -> Path:
    """The data root with so many drawn faces per dataset, and the maps of all of them.

    Args:
        train, test: faces per dataset and split; at least one is drawn.
        seed: of the faces.
        cache: the folder it is kept in; None is the user's cache.
    """
    from tasks.toy import VERSION, write_toy

    root = (cache or cache_folder()) / "toy" / f"v{VERSION}-seed{seed}-train{train}-test{test}"
    return write_toy(root, test=test, train=train, seed=seed)


def training_faces(cache: Path | None = None) -> Path:
    """The faces that miniatures and FaceInsight are trained on."""
    return toy_root(TRAIN_FACES, VALIDATION, TRAIN_SEED, cache)
