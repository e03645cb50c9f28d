"""The sparse autoencoder of the paper (section 2), its variants, and how they are trained."""

from audiosae.sae.model import KIND, SparseAutoencoder, evaluate, features_of, rms_norm

__all__ = ["KIND", "SparseAutoencoder", "evaluate", "features_of", "rms_norm"]
