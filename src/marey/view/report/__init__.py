"""A page about one take: what it shows, how good it seems, and what to look at.

`make_report` measures and draws, `render_page` writes it as one self-contained HTML file. Measures
are pure (`marey.evaluate.quality`), figures are numbers per person (`figures.py`), findings are
sentences (`findings.py`), and everything after is markup.
"""

from marey.view.report.make import make_report as make_report
from marey.view.report.model import Report as Report
from marey.view.report.page import render_page as render_page
