"""What trained networks tell about untrained ones."""

from brickwork.predictor.encoder import Axis, Encoder
from brickwork.predictor.gain import Prospects, Ranking, expected_gain
from brickwork.predictor.outlook import Observation, Outlook
from brickwork.predictor.pool import Pool
from brickwork.predictor.process import Predictor
from brickwork.predictor.repeats import PART, Repeats

__all__ = [
    "PART",
    "Axis",
    "Encoder",
    "Observation",
    "Outlook",
    "Pool",
    "Predictor",
    "Prospects",
    "Ranking",
    "Repeats",
    "expected_gain",
]
