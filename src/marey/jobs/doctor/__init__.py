"""`marey doctor`: is this machine fit for marey, and how is each fault mended?

Every check is a small function that returns a `Finding` and takes what it looks at as arguments, so
that tests can hand it something broken. Checks that touch foreign machine code (torch, the video
decoder, the networks, the renderer) run in a process of their own: a library that crashes or hangs
becomes a finding and not the end of the examination.
"""

from marey.jobs.doctor.examine import examine as examine
from marey.jobs.doctor.finding import Finding as Finding
from marey.jobs.doctor.finding import Verdict as Verdict
from marey.jobs.doctor.screen import show_health as show_health
