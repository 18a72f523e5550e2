"""What sets the numbers of a run apart from the paper's: no measured number is shown without it."""

from reports.load import Run

_PROFILES = {
    "tiny": "Miniatures on drawn toy faces stand where the paper has its models and photographs, and each was trained "
    "on such faces, whatever its setting is called: no difference below says anything about the paper.",
}
_UNKNOWN = "Nothing says which models and faces these are."


def marks(run: Run) -> dict[str, str]:
    """What sets the numbers of a run apart from the paper's, in capitals -> what follows from it, in a sentence.

    There is nothing of the kind for texts read from full test sets under the profile `paper`.
    """
    about, found = run.manifest, dict[str, str]()
    if profile := profile_mark(about.profile):
        found[profile] = _PROFILES.get(about.profile, _UNKNOWN)
    if about.limit:
        found[f"SUBSET of {about.limit:,}"] = (
            "At most so many samples a question stand for the paper's whole test sets."
        )
    if about.protocol.get("answers") == "choice":
        found["ANSWERS BY CHOICE"] = "Models chose between options, where the paper reads their free text."
    return found


def mark(run: Run) -> str:
    """The marks on one line; empty where there are none."""
    return " · ".join(marks(run))


def profile_mark(profile: str) -> str:
    """The mark that a profile makes."""
    return {"paper": "", "tiny": "TINY PROFILE"}.get(profile, "PROFILE NOT RECORDED")
