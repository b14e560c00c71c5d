"""Due dates, extensions, and what being late costs: nbgrader's own, with a zone, a limit and a word to students."""
