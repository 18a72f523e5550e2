"""The commands around FaceInsight: its maps, its graph, its training, its ablations."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli_words import EXIT_FAILURES, Data, Device, Maps, Pairs, confine, settled, words

app = typer.Typer()


@app.command(
    epilog="Examples:\n\npython -m harness segment --data /data/faces --datasets celeba,expw\n\n"
    "python -m harness segment *.jpg --maps maps --weights celebm.pt --detector-weights mobilenet0.25_Final.pth"
)
def segment(
    images: Annotated[list[Path] | None, typer.Argument(metavar="IMAGE...", help="Photographs.")] = None,
    data: Data = None,
    datasets: Annotated[str, typer.Option(help="Names joined by commas; all that are there if absent.")] = "",
    splits: Annotated[str, typer.Option(help="Those of train, val, test that a dataset has.")] = "train,val,test",
    maps: Annotated[Path | None, typer.Option(help="Folder of maps; by default DATA/maps, or maps.")] = None,
    model: Annotated[str, typer.Option(help="farl/celebm/448 or farl/lapa/448.")] = "farl/celebm/448",
    detector: Annotated[str, typer.Option(help="retinaface/mobilenet or .../resnet50.")] = "retinaface/mobilenet",
    weights: Annotated[Path | None, typer.Option(help="The parser's file. It is a program: trust its origin.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Refuse the parser's file if it has another hash.")] = None,
    detector_weights: Annotated[Path | None, typer.Option(help="The detector's file.")] = None,
    device: Device = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures at once.")] = 8,
    pairs: Pairs = None,
) -> None:
    """Make the segmentation maps of datasets or photographs, once. The same command resumes."""
    resolved = settled(pairs, data=data, maps=maps, device=device)
    found = resolved.settings
    from faceinsight.parsing import PyfacerOptions
    from harness.segment_job import SegmentOptions, segment_job

    pyfacer = PyfacerOptions(
        model=model, detector=detector, weights=weights, sha256=sha256, detector_weights=detector_weights,
        device=found.device,
    )  # fmt: skip
    # Photographs are an order; a data root that merely stands in harness.toml is not meant beside them.
    root = found.data if resolved.flagged("data") or not images else None
    options = SegmentOptions(
        images=tuple(images or ()), data=root, choices=found.datasets, datasets=words(datasets), splits=words(splits),
        maps=found.maps, batch_size=batch_size, pyfacer=pyfacer,
    )  # fmt: skip
    if segment_job(options).unreadable:
        raise typer.Exit(EXIT_FAILURES)


@app.command(
    epilog="Examples:\n\npython -m harness correlate\n\n"
    "python -m harness correlate --data /data/faces --datasets celeba,maad --out correlations/attr"
)
def correlate(
    data: Data = None,
    datasets: Annotated[str, typer.Option(help="Names joined by commas, or 'all'.")] = "all",
    tau: Annotated[float, typer.Option(help="An edge i -> j needs p(j|i) of at least this (eq. 6).")] = 0.4,
    omega: Annotated[float, typer.Option(help="What a node takes from its neighbours (eq. 7).")] = 0.8,
    out: Annotated[Path, typer.Option(help="Folder for correlation.safetensors, .svg and .png.")] = Path(
        "correlations"
    ),
    limit: Annotated[int | None, typer.Option(min=1, help="Faces per dataset.")] = None,
    pairs: Pairs = None,
) -> None:
    """Count how characteristics go together in the training faces: FaceInsight's correlation map, and its picture."""
    found = settled(pairs, data=data).settings
    from harness.correlate import Options, correlate_job

    names = None if datasets == "all" else words(datasets)
    correlate_job(
        Options(data=found.data, choices=found.datasets, datasets=names, tau=tau, omega=omega, out=out, limit=limit)
    )


@app.command(
    epilog="Examples:\n\npython -m harness train faceinsight --config faceinsight/recipes/tiny.toml\n\n"
    "torchrun --nproc-per-node 8 -m harness train faceinsight --config faceinsight/recipes/paper.toml --data DIR\n\n"
    "python -m harness train clip-probe --data DIR --limit 100000"
)
def train(
    model: Annotated[str, typer.Argument(help="faceinsight; or a floor: majority, prior, clip-probe.")],
    config: Annotated[
        Path | None, typer.Option(help="Of faceinsight: a file such as faceinsight/recipes/tiny.toml.")
    ] = None,
    data: Data = None,
    maps: Maps = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and the model; by default runs/MODEL.")
    ] = None,
    whole: Annotated[
        bool, typer.Option("--whole", help="Of faceinsight: write the frozen parts too, not the adapters alone.")
    ] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Of a floor: training faces per question.")] = None,
    tower: Annotated[
        str | None, typer.Option(help="Of clip-probe: a CLIP as folder, REPO or REPO@REVISION, or 'miniature'.")
    ] = None,
    device: Device = None,
    pairs: Pairs = None,
) -> None:
    """Train FaceInsight, or fit a floor to the training split's labels. The same command resumes."""
    from harness.errors import ConfigError, UnknownNameError
    from harness.floors import NAMES

    known = ("faceinsight", *NAMES)
    if model not in known:
        raise UnknownNameError.of("model to train", model, known, "`python -m harness train --help`")
    found = settled(pairs, data=data, maps=maps, device=device).settings
    if model in NAMES:
        from harness.floors.fit import FitOptions, fit

        chosen = FitOptions(
            data=found.data, datasets=found.datasets, out=out, limit=limit, tower=tower, device=found.device
        )
        fit(model, chosen)
        return
    if config is None:
        raise ConfigError("faceinsight is trained by a recipe: --config faceinsight/recipes/tiny.toml.")
    confine(found.device)
    from harness.train import train_faceinsight

    train_faceinsight(config, found.data, found.maps, out or Path("runs", model), whole, found.datasets)


@app.command(epilog="Example:\n\npython -m harness ablate --out runs/ablation")
def ablate(
    config: Annotated[Path | None, typer.Option(help="By default faceinsight/recipes/ablation.toml.")] = None,
    data: Data = None,
    maps: Maps = None,
    out: Annotated[Path, typer.Option(help="Folder for trials and report.")] = Path("runs/ablation"),
    jobs: Annotated[int, typer.Option(min=1, help="Trials at once.")] = 2,
    device: Device = None,
    pairs: Pairs = None,
) -> None:
    """Train and score FaceInsight's parts one by one, several seeds each, and draw the paper's figure 8."""
    found = settled(pairs, data=data, maps=maps, device=device).settings
    confine(found.device)
    from harness.ablate import DEFAULT
    from harness.ablate import ablate as run_ablation

    run_ablation(config or DEFAULT, found.data, found.maps, out, jobs, found.datasets)
