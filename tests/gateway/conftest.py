"""What every test of the gateway has."""

from tests.support.patience import patient_asking

__all__ = ["patient_asking"]
