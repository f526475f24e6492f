"""What talks to Azure: connect, submit, deploy, roll back, look after.

Nothing here keeps state in a file: what exists is asked of the service each time, so a killed command can
be run again. `azure.*` is imported inside functions only; a command that needs no Azure does not pay for
it.
"""
