"""A finished model: one file that takes raw pictures, and its card."""
