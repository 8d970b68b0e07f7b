"""``brickwork calibrate``: benchmark networks for a device, and a target from their times.

``pool`` holds what may be measured, ``design`` chooses what tells most, ``folder`` writes it with
what runs it on a board (``board/``); ``log`` reads what a board printed, ``installing`` fits it and
puts the target where its name finds it. ``here`` measures the networks on this machine.
"""

from brickwork.calibration.calibrating import calibrate

__all__ = ["calibrate"]
