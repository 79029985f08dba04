"""Which files are recordings, by the ends of their names."""

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")

VIDEO_SUFFIXES = (
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".m2ts"),
    *(".wmv", ".asf", ".flv", ".ogv", ".ogg", ".3gp", ".3g2", ".mxf", ".gif", ".ivf", ".nut"),
    *(".dv", ".h264", ".264", ".hevc", ".h265", ".mjpeg", ".y4m", ".obu", ".vob"),
)
