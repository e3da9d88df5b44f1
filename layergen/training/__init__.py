"""Training metanetworks on zoos, and predicting with them; in one process or in many.

Zoo + Configuration ─▶ train ─▶ Run ─▶ predict
"""

from layergen.training.configuration import Configuration
from layergen.training.predict import predict
from layergen.training.processes import LostProcess
from layergen.training.run import Run
from layergen.training.train import train
from layergen.training.trainer import Report

__all__ = [
    "Configuration",
    "LostProcess",
    "Report",
    "Run",
    "predict",
    "train",
]
