"""Shortens the client's pauses to a twentieth, its package untouched. Python imports this itself."""

import time

_sleep = time.sleep


def _sleep_less(seconds):
    _sleep(seconds / 20)


time.sleep = _sleep_less
