"""Generation: a music generator on the latents of DiffRhythm's VAE, and what it decides at which step (section 5)."""
