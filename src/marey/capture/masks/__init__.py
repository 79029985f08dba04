"""Which place of a picture is whose."""
