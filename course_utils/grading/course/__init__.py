"""What an instructor does with a course: grade a class, show one, release to students."""
