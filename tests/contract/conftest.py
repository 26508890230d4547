"""Properties are examined alike on every machine: fixed seeds, no clock that fails a slow one."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "alike", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("alike")
