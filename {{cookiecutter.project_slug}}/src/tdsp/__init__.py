"""The process around the science: run, judge, register, serve and report."""
