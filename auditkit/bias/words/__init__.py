"""What embeddings and language models tie to words for groups of people."""
