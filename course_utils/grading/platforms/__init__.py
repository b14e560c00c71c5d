"""Learning platforms: submissions in from what Canvas, Moodle and Brightspace hand out; feedback and grades back."""
