"""Pictures and widgets that a single lesson draws; what several draw is in `course_utils.figures`."""
