"""Whether an attribute that a network's layers hold is used in what the network answers."""
