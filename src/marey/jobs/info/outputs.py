"""Results of other programs: every one becomes a take when it is read."""

from pathlib import Path

from marey.core.errors import FormatError
from marey.jobs.info.bodies import describe_body
from marey.jobs.info.description import Description
from marey.jobs.info.keypoints import describe_as_take


def describe_output(path: Path) -> Description:
    """Describe a file that another program wrote.

    Raises:
        FormatError: If it is of none that marey knows, or damaged.
    """
    from marey.datasets.outputs.document import read_document
    from marey.datasets.outputs.formats import FORMATS, find_format, read_document_as
    from marey.datasets.outputs.people import Options

    document = read_document(path)
    name = find_format(document)
    if name is None:
        raise FormatError(
            f"{path} is of no program that marey knows by its content; marey import --format names "
            f"it ({', '.join(FORMATS)})"
        )
    take = read_document_as(name, document, path, Options())
    return describe_as_take(path, FORMATS[name].title, take)


def describe_pickle(path: Path) -> Description:
    """Describe a pickle: a body of the SMPL family, or another program's results.

    Raises:
        FormatError: If it is neither, or damaged.
    """
    from marey.core.restricted_joblib import is_joblib
    from marey.datasets.outputs.document import read_document
    from marey.datasets.outputs.formats import find_format

    if is_joblib(path) or find_format(read_document(path)) is not None:
        return describe_output(path)
    return describe_body(path)
