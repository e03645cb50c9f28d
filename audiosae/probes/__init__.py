"""Linear probes from features to classes of pitch, amplitude and timbre (the paper's section 3.2), and what they are compared with."""

from audiosae.probes.linear import Probe, fit, fit_each, load, save, top_features
from audiosae.probes.scores import Task, baselines, ceiling, confusion, fit_and_score, score, scored

__all__ = ["Probe", "Task", "baselines", "ceiling", "confusion", "fit", "fit_and_score", "fit_each"]
__all__ += ["load", "save", "score", "scored", "top_features"]
