"""The sparse autoencoder of the paper (section 2), its variants, and how they are trained."""

from audiosae.sae.model import KIND, SparseAutoencoder, evaluate, rms_norm

__all__ = ["KIND", "SparseAutoencoder", "evaluate", "rms_norm"]
