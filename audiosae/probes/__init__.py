"""Linear probes from features to classes of pitch, amplitude and timbre (the paper's section 3.2), and what they are compared with."""

from audiosae.probes.linear import KIND, Probe, fit, load, save, top_features
from audiosae.probes.scores import Task, baselines, ceiling, confusion, fit_all, fit_and_score, score, scored

__all__ = ["KIND", "Probe", "Task", "baselines", "ceiling", "confusion", "fit", "fit_all", "fit_and_score"]
__all__ += ["load", "save", "score", "scored", "top_features"]
