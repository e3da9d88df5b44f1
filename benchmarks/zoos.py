"""`python -m benchmarks.zoos`: networks per second and memory of `layergen.data`, and the loader's share of a step.

Each measurement is in a process of its own, whose peak of resident memory is then that of the measurement. The networks
are of the shape of implicit neural representations, 2-32-32-1 with 1,185 weights, and their weights are random.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.fresh import Figures, peak_mib
from benchmarks.pieces import ROOT
from benchmarks.spaces import perceptron

OUT = ROOT / "benchmarks" / "out"
SPACE = perceptron(2, [32, 32], 1)
BATCH, STEPS = 64, 60
application = typer.Typer(add_completion=False)


def write(folder: Path, count: int) -> Figures:
    """Write networks in safetensors files, a thousand to a folder, and a table of labels."""
    import torch
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(0)
    lines = ["file,score"]
    for number in range(count):
        name = f"{number // 1000:05}/{number:08}.safetensors"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        state = {key: torch.randn(shape, generator=generator) for key, shape in SPACE.shapes.items()}
        save_file(state, folder / name)
        lines.append(f"{name},{float(state['0.weight'].square().mean())}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return {"bytes": sum(file.stat().st_size for file in folder.rglob("*.safetensors"))}


def pack(folder: Path, count: int) -> Figures:
    """Open the files, which reads all of them once, and pack them, which reads them again."""
    from layergen.data import Zoo

    before = peak_mib()
    start = time.perf_counter()
    zoo = Zoo(folder, space=SPACE)
    opened = time.perf_counter() - start
    held = peak_mib()
    start = time.perf_counter()
    zoo.pack(folder.with_name(folder.name + "-packed"))
    taken = time.perf_counter() - start
    return {
        "open_per_s": len(zoo) / opened,
        "pack_per_s": len(zoo) / taken,
        "imports_mib": before,
        "opened_mib": held,
        "packed_mib": peak_mib(),
    }


def read(folder: Path, count: int) -> Figures:
    """Open packed networks and read an epoch of them in random order; the same from files, of which a tenth is read."""
    from torch.utils.data import DataLoader

    from layergen.data import Zoo

    packed = folder.with_name(folder.name + "-packed")
    start = time.perf_counter()
    zoo = Zoo(packed, space=SPACE)
    figures = {"packed_open_s": time.perf_counter() - start, "packed_opened_mib": peak_mib()}
    start = time.perf_counter()
    zoo.verify()
    figures["verify_per_s"] = len(zoo) / (time.perf_counter() - start)
    sampler = zoo.batches(BATCH, shuffle=True)
    start = time.perf_counter()
    seen = sum(len(batch.numbers) for batch in DataLoader(zoo, batch_sampler=sampler, collate_fn=zoo.collate))
    figures |= {"packed_read_per_s": seen / (time.perf_counter() - start), "packed_read_mib": peak_mib()}
    files = Zoo(folder, space=SPACE, finite=False)
    sampler = files.batches(BATCH, numbers=range(0, len(files), 10), shuffle=True)
    start = time.perf_counter()
    seen = sum(len(batch.numbers) for batch in DataLoader(files, batch_sampler=sampler, collate_fn=files.collate))
    return figures | {"files_read_per_s": seen / (time.perf_counter() - start)}


def step(folder: Path, count: int) -> Figures:
    """Milliseconds of a step, and of what the loader takes of it, for packed networks and for files."""
    import torch
    from torch.utils.data import DataLoader

    from layergen.data import Zoo
    from layergen.nn import Metanet

    torch.set_num_threads(1)
    metanet = Metanet(SPACE, out_features=1, hidden=16)
    optimiser = torch.optim.AdamW(metanet.parameters())
    figures: Figures = {"parameters": sum(parameter.numel() for parameter in metanet.parameters())}
    for name, path in (("packed", folder.with_name(folder.name + "-packed")), ("files", folder)):
        zoo = Zoo(path, space=SPACE, finite=False)
        sampler = zoo.batches(BATCH, numbers=range(min(len(zoo), (STEPS + 5) * BATCH)), shuffle=True)
        loader = iter(DataLoader(zoo, batch_sampler=sampler, collate_fn=zoo.collate))
        reading, computing = list[float](), list[float]()
        for _ in range(min(STEPS + 5, len(sampler))):
            start = time.perf_counter()
            batch = next(loader)
            middle = time.perf_counter()
            loss = (metanet(batch.features)[:, 0] - batch.labels["score"].float()).square().mean()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            reading.append(middle - start)
            computing.append(time.perf_counter() - middle)
        read_ms, compute_ms = (1000 * median(times[len(times) // 10 :]) for times in (reading, computing))
        figures |= {f"{name}_read_ms": read_ms, f"{name}_compute_ms": compute_ms}
        figures[f"{name}_share"] = read_ms / (read_ms + compute_ms)
    return figures


MEASUREMENTS: dict[str, Callable[[Path, int], Figures]] = {"write": write, "pack": pack, "read": read, "step": step}


def measured(name: str, folder: Path, count: int) -> Figures:
    """The figures of one measurement, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.zoos", "one", name, str(folder), str(count)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True, cwd=ROOT, env=environment)
    found: Figures = json.loads(done.stdout)
    return found


def trained(folder: Path, processes: int) -> Figures:
    """Seconds of an epoch of `layergen train` on packed networks, in some processes of one thread each."""
    packed, run = folder.with_name(folder.name + "-packed"), folder.with_name(f"run-{processes}")
    specification = folder.with_name("space.toml")
    specification.write_text(str(SPACE))
    start = ["-m", "torch.distributed.run", "--nproc-per-node", str(processes)] if processes > 1 else []
    options = ["--epochs", "2", "--hidden", "16", "--batch-size", str(BATCH), "--output", str(run)]
    command = [sys.executable, *start, "-m", "layergen", "train", str(specification), str(packed), "--target", "score"]
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "cwd": ROOT, "env": os.environ | {"OMP_NUM_THREADS": "1"}}
    subprocess.run([*command, *options], check=True, **quiet)
    lines = (run / "log.csv").read_text().splitlines()
    row = dict(zip(lines[0].split(","), map(float, lines[-1].split(",")), strict=True))
    return {"epoch_s": row["seconds"], "training_loss": row["training_loss"]}


def rows(count: int, folder: Path, few: int) -> Iterator[tuple[str, Figures]]:
    """The measurements in order, each with the number of networks in its name."""
    for number in (count // 10, count):
        networks = folder / str(number)
        for name in MEASUREMENTS:
            yield f"{name} {number}", measured(name, networks, number)
    networks = folder / str(few)
    for name in ("write", "pack"):
        yield f"{name} {few}", measured(name, networks, few)
    for processes in (1, 2):
        yield f"train {few} in {processes}", trained(networks, processes)


@application.command()
def one(name: str, folder: Path, count: int) -> None:
    """Make one measurement and print its figures."""
    print(json.dumps(MEASUREMENTS[name](folder, count)))


@application.command()
def all(
    count: Annotated[int, typer.Option(min=10, help="The number of networks; a tenth is measured first.")] = 100_000,
    few: Annotated[int, typer.Option(min=10, help="The number of networks for one and two processes.")] = 6000,
    out: Annotated[Path, typer.Option(help="The folder for results.")] = OUT,
) -> None:
    """Make all measurements, print them, and write them to `zoos.json`."""
    console, found = Console(), dict[str, Figures]()
    folder = Path(tempfile.mkdtemp())
    try:
        for name, figures in rows(count, folder, few):
            found[name] = figures
            table = Table(title=name, show_header=False, title_justify="left")
            for key, value in figures.items():
                table.add_row(key, f"{value:,.4g}" if value < 100 else f"{value:,.0f}")
            console.print(table)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    out.mkdir(parents=True, exist_ok=True)
    (out / "zoos.json").write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    application()
