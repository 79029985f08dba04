"""Pictures: people drawn over video and in the world. The only room that draws.

Images are RGB, 8 bits a channel, rows first; colours given by hand are sRGB from 0 to 1.
"""
