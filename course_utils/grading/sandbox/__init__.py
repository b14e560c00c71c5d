"""Where a student's code runs: a kernel in namespaces of its own."""
