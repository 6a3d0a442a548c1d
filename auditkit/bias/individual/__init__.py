"""One row at a time: like beside like, the same with one thing changed, what gives it away."""
