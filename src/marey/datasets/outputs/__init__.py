"""What other programs found, read into a take: one small module per program.

`marey.datasets.outputs.formats.read_output` tells by content which program wrote a file. Programs
disagree on everything: poses as rotation vectors or matrices, places of the pelvis or of the body's
origin, cameras with a focal length of their own. What becomes of it is the same for all
(`marey.datasets.outputs.people`), and each module says what it took and where the layout is known
from. Nothing in a file is executed: pickles go through `marey.core.restricted_pickle`, joblib's
files through `marey.core.restricted_joblib`, torch's are loaded as weights only.
"""
