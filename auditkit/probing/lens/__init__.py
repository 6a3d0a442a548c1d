"""What a network that writes would write if it stopped after each of its layers; what heads do."""
