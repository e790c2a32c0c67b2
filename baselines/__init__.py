"""Classical methods to compare the networks with.

The scripts run from any folder, without installation: each puts the repository on
sys.path before it imports from it.
"""
