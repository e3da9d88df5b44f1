"""An outside-in campaign: `python -m tests.campaign --minutes 60` tries random cases against answers found another way.

Each group draws cases and raises `AssertionError` at the first wrong answer; nothing that it is compared with shares
code with what is tested.
"""
