"""Rules: what each torch operation says about the axes of its tensors.

A rule gets the tracer, what the operation returned, and its arguments. It returns False
where it does not cover them; then the units that met the operation are fixed.
"""

from sb3_prune.surgery.flow.rules import norms as _norms  # noqa: F401  # register
from sb3_prune.surgery.flow.rules import places as _places  # noqa: F401
from sb3_prune.surgery.flow.rules import products as _products  # noqa: F401
from sb3_prune.surgery.flow.rules import recurrent as _recurrent  # noqa: F401
from sb3_prune.surgery.flow.rules import shapes as _shapes  # noqa: F401
from sb3_prune.surgery.flow.rules.table import RULES as RULES
