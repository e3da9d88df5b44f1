"""Hypothesis profiles: the default suite is reproducible; `HYPOTHESIS_PROFILE=thorough` searches longer."""

import os

from hypothesis import HealthCheck, Phase, settings

# The property checks under test drive hypothesis themselves, inside tests that hypothesis drives.
slow = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.nested_given]
settings.register_profile("default", max_examples=60, deadline=None, derandomize=True, suppress_health_check=slow)
settings.register_profile("quick", max_examples=20, deadline=None, derandomize=True, suppress_health_check=slow)
# Of a change to the code it only matters whether a test fails, not the simplest case.
settings.register_profile("mutants", settings.get_profile("quick"), phases=(Phase.explicit, Phase.generate))
settings.register_profile("thorough", max_examples=1000, deadline=None, suppress_health_check=slow)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))

try:
    import torch
except ImportError:  # tests/symmetry does without
    pass
else:
    torch.set_num_threads(1)
