"""Who judges: tests run in a kernel that never ran a student's code."""
