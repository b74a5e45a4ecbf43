"""Sphinx configuration; `make docs` builds with it."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

import tutorials

# AiiDA reads its configuration when it is imported; the reader's own must not be touched.
os.environ.update(tutorials.make_environment(Path(__file__).parents[1] / "examples"))

from aiida.manage.configuration import load_config

import aiida_hpaint

load_config(create=True)
# Autodoc imports with TYPE_CHECKING set, which the pydantic models of libraries do not survive.
for module in ("aiida_workgraph", "aiida_pythonjob"):
    import_module(module)

project = "aiida-hpaint"
author = "The aiida-hpaint developers"
copyright = f"2026, {author}"
release = version = aiida_hpaint.__version__

extensions = [
    "myst_nb",
    "command_reference",
    "link_check",
    "mathml",
    "recipe_table",
    "settings_table",
    "unrendered_markup",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
]
myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist", "dollarmath", "fieldlist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext"]
# Tutorials run in folders of their own each time the documentation is built.
nb_execution_mode = "force"
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_default_options = {"members": True, "imported-members": True}
napoleon_google_docstring = False
napoleon_use_ivar = True
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True

html_math_renderer = "mathml"
html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_title = f"aiida-hpaint {release}"
