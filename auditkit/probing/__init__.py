"""What the layers of a network hold. Works on any torch module and leaves it as it came."""
