"""Rules: what each torch operation implies for the axes of its tensors.

A rule gets the tracer, what the operation returned, and the arguments of the operation.
It returns False if it does not cover such arguments; their units are fixed then.
"""

from sb3_prune.surgery.flow.rules import norms as _norms  # noqa: F401  # register
from sb3_prune.surgery.flow.rules import places as _places  # noqa: F401
from sb3_prune.surgery.flow.rules import products as _products  # noqa: F401
from sb3_prune.surgery.flow.rules import recurrent as _recurrent  # noqa: F401
from sb3_prune.surgery.flow.rules import shapes as _shapes  # noqa: F401
from sb3_prune.surgery.flow.rules.table import RULES as RULES
