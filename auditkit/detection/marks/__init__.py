"""What a picture's file says of its own origin: read, written, and lost on the way."""
