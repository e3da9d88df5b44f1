"""Training runs in processes of their own, which may be killed.

The processes are forked from one that has the imports behind it and nothing else: threads do not survive a fork.
"""

import os
import signal
import socket
from multiprocessing import get_context
from pathlib import Path

import torch

from layergen.data import Zoo
from layergen.training import Configuration, LostProcess, Report, Run, train
from tests.layergen.data.zoos import SPACE

__all__ = ["CONFIGURATION", "killed_at", "processes", "state_of"]

CONFIGURATION = Configuration(
    "score",
    epochs=4,
    batch_size=4,
    checkpoint_steps=2,
    metanet={"hidden": 4, "layers": 1, "dropout": 0.2},
)
NURSERY = get_context("forkserver")
NURSERY.set_forkserver_preload([__name__, "matplotlib.figure", "polars", "scipy.stats", "torch._dynamo"])
LONGEST = 180
"""The seconds after which a process is taken to hang."""


def exit_statuses(targets):
    """The exit statuses of processes that call a function with some arguments each."""
    started = [NURSERY.Process(target=function, args=arguments) for function, arguments in targets]
    for process in started:
        process.start()
    for process in started:
        process.join(LONGEST)
        if process.is_alive():
            process.kill()
    return [process.exitcode for process in started]


def doomed(folder, configuration, output, count):
    """Train until the process kills itself where it is about to write a checkpoint for the time number `count`."""
    torch.set_num_threads(1)
    write, calls = Run.write_checkpoint, []

    def last(self, state):
        calls.append(state)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, state)

    Run.write_checkpoint = last
    train(Zoo(folder, space=SPACE), configuration, output, resume=True)


def killed_at(count, folder, configuration, output):
    """Train in a process that is killed (SIGKILL) before checkpoint `count`; whether it was, or else ended well."""
    (status,) = exit_statuses([(doomed, (folder, configuration, output, count))])
    assert status in (0, -signal.SIGKILL)
    return status == -signal.SIGKILL


def one_of(rank, count, port, folder, configuration, output, dying):
    """Train as one of several processes; process 1 ends after `dying` steps."""
    torch.set_num_threads(1)
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count), **address)
    steps = []

    def stepped():
        steps.append(rank)
        if rank == 1 and len(steps) == dying:
            os._exit(9)

    try:
        train(Zoo(folder, space=SPACE), configuration, output, resume=True, report=Report(stepped=stepped))
    except LostProcess as error:
        Path(f"{output}-{rank}.txt").write_text(str(error))
        raise SystemExit(1) from None


def processes(count, folder, configuration, output, dying=0):
    """Train in as many processes as `torchrun` would start; their exit statuses."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = (count, port, folder, configuration, output, dying)
    return exit_statuses([(one_of, (rank, *shared)) for rank in range(count)])


def state_of(run):
    """Everything that a run ends with: weights, optimiser, random numbers, log, predictions; times aside."""
    checkpoint = run.checkpoint
    for row in checkpoint["progress"]["rows"]:
        del row["seconds"]
    return {
        **checkpoint,
        "best": run.metanet().state_dict(),
        "predictions": torch.tensor(list(run.read("predictions.csv").encode())),
    }
