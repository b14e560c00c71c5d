"""Sphinx's settings for the site. Its pages are put together by course_utils/authoring/site.py."""

import os
from urllib.parse import urlencode

from docutils import nodes

from course_utils.authoring.formulas import drawn_formula

project = html_title = "Transfer learning"
author = "The authors of the course"
copyright = "the authors; MIT licence"
language = "en"

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
nb_execution_mode = "off"  # the notebooks come with the outputs of a full run
myst_enable_extensions = ["dollarmath", "smartquotes"]
myst_heading_anchors = 3
default_role = "literal"  # docstrings put code between single backticks
autodoc_member_order = "bysource"

html_theme = "sphinx_book_theme"
html_favicon = "favicon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["_static"]
html_css_files = ["course.css"]
templates_path = ["_templates"]
html_sidebars = {"**": ["navbar-logo.html", "search-button-field.html", "launch.html", "sbt-sidebar-nav.html"]}
html_show_sourcelink = False
html_math_renderer = "drawn"
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "use_download_button": True,
    "use_fullscreen_button": False,
    "navbar_start": [],
    "navbar_center": [],
    "navbar_end": [],
    "navbar_persistent": [],
}
repository = os.environ.get("COURSE_REPOSITORY", "")
if repository.startswith("https://github.com/"):  # of others, the theme does not know how their links are made
    html_context["launch"] = {"name": repository.removeprefix("https://github.com/"), "branch": "main"}
    html_theme_options |= {
        "repository_url": repository,
        "repository_branch": html_context["launch"]["branch"],
        "use_repository_button": True,
        "path_to_docs": "",
        "launch_buttons": {
            "binderhub_url": "https://mybinder.org",
            "colab_url": "https://colab.research.google.com",
            "notebook_interface": "jupyterlab",
        },
    }
    if hub := os.environ.get("COURSE_HUB", ""):
        html_theme_options["launch_buttons"]["jupyterhub_url"] = hub
        first = f"lab/tree/{repository.rpartition('/')[2]}/notebooks/00_start_here.ipynb"
        asked = urlencode({"repo": repository, "urlpath": first, "branch": html_context["launch"]["branch"]})
        html_context["launch"]["hub"] = f"{hub}/hub/user-redirect/git-pull?{asked}"
if os.name == "nt":  # grading is for Linux, and imports what only Linux has
    autodoc_mock_imports = ["fcntl", "pwd", "resource"]


def _inline(self, node):
    self.body.append(drawn_formula(node.astext()))
    raise nodes.SkipNode


def _block(self, node):
    self.body.append(f'<p class="maths">{drawn_formula(node.astext())}</p>')
    raise nodes.SkipNode


def setup(app):
    """Formulas as pictures: MathJax would have to come from the network."""
    app.add_html_math_renderer("drawn", (_inline, None), (_block, None))
