"""What a check finds inside a network; imported when it runs, since torch comes with it."""
