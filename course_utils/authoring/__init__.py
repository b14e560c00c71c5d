"""For those who write the course: notebooks run and committed, the site, the locks, trained weights."""
