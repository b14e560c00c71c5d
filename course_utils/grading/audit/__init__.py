"""Known answers to an assignment, graded: whether its tests mark rightly."""
