class Turns:
    """What may be read by many threads or written by one; the base of what has to take turns."""
