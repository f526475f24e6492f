"""Runs a plan: order, processes, what a step sees, what steps hand over."""
