"""`marey info FILE`: what is in a file, in one screen.

A file's suffix says what it claims to be, and its reader whether it is. Where a header tells
enough, nothing else is read.
"""

from marey.jobs.info.description import Description as Description
from marey.jobs.info.description import Fact as Fact
from marey.jobs.info.description import Table as Table
from marey.jobs.info.recognize import describe_file as describe_file
from marey.jobs.info.screen import show_file as show_file
