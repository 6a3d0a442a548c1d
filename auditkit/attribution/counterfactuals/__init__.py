"""What would have had to be otherwise for another decision, and what that asks of a person."""
