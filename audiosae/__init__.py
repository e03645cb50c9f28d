"""Sparse autoencoders on audio latents: a companion to Paek et al. 2025 (arXiv:2510.23802).

The package reads from left to right, as the data flows, and each folder imports only what stands to its left::

    corpus -> audio -> codecs -> frames (latents and labels) -> sae -> probes -> steering -> generation
"""
