"""Which directions of a generator's latent space, and which of its channels, control what."""
