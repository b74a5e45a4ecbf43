"""Disorder: ordered records from records with partly occupied, mixed and split sites."""

from aiida_hpaint.science.structures.disorder.order import order_record

__all__ = ["order_record"]
