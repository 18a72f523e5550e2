"""Silence the libraries: their bars and warnings would tear the progress display and say nothing to the user."""

# mypy: disallow-untyped-calls=False

import logging


def quiet() -> None:
    """Bars off and warnings hidden, unless the logger "harness" is set to DEBUG."""
    import transformers
    from huggingface_hub.utils.tqdm import disable_progress_bars

    if logging.getLogger("harness").isEnabledFor(logging.DEBUG):
        return
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
