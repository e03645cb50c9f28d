"""Linear probes from features to classes of pitch, amplitude and timbre (the paper's section 3.2), and what they are compared with."""

from audiosae.probes.linear import KIND, Probe, fit, load, save, top_features
from audiosae.probes.scores import Task, baselines, ceiling, confusion, fit_and_score, score

__all__ = ["KIND", "Probe", "Task", "baselines", "ceiling", "confusion", "fit", "fit_and_score"]
__all__ += ["load", "save", "score", "top_features"]
