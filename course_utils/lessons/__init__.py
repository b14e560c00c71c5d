"""What stands behind the single lessons: their exercises, what they claim, and plumbing that is not the lesson."""
