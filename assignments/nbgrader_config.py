"""nbgrader's settings for this course. Every path is relative to this file, so that a copy of it is a course too."""

from pathlib import Path

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "transfer-learning"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)

c.ClearSolutions.code_stub = {
    "python": '# YOUR CODE HERE\nraise NotImplementedError("Write your code here, in place of this line.")'
}

# "python3" is the interpreter that nbgrader itself runs in, whatever kernel a student's notebook names.
c.ExecutePreprocessor.kernel_name = "course-sandbox"
c.ExecutePreprocessor.timeout = 60  # seconds for one cell: TensorFlow's import on a busy machine takes up to 20
c.ExecutePreprocessor.shutdown_kernel = "immediate"  # nothing is left to save: a fifth of the time per submission
c.ExecutePreprocessor.extra_arguments = ["--IPKernelApp.log_level=ERROR"]  # or each kernel warns on the terminal

# nbgrader gives 0 points to a test cell with anything on stderr. A warning is not a wrong answer: errors raise.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "."

# How `nbgrader zip_collect` reads the names of files that were handed in elsewhere: ada_ps1.ipynb
c.FileNameCollectorPlugin.named_regexp = r".*[\\/](?P<student_id>[^\\/]+)_(?P<file_id>[^\\/_]+)\.ipynb$"
