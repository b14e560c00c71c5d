"""The drawing world: its renderer, its tasks, and the small network that was trained on them."""
