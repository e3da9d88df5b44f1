"""Training metanetworks on zoos, and predicting with them; in one process or in many.

Zoo + Configuration ─▶ train ─▶ Run ─▶ predict
"""

from layergen.training.configuration import Configuration
from layergen.training.predict import predict
from layergen.training.processes import LostProcess
from layergen.training.run import Run
from layergen.training.tasks import Classification, Ranking, Regression
from layergen.training.train import Report, train

__all__ = [
    "Classification",
    "Configuration",
    "LostProcess",
    "Ranking",
    "Regression",
    "Report",
    "Run",
    "predict",
    "train",
]
