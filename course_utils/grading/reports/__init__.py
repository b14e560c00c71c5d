"""What people read of a graded class: feedback, the class's page, files for other systems."""
