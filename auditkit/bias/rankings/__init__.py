"""Rankings: how well users are served, and which items are seen."""
